//! Times in the order in which they came: how far behind the greatest of its partition one came.

const DAY: i64 = 86_400_000_000;

#[derive(Clone, Default)]
pub struct Course {
    pub n: u64,
    /// Of the partition that is being read.
    greatest: Option<i64>,
    /// Times that came behind a greater one, and by how many microseconds at most.
    pub n_behind: u64,
    pub furthest_behind: i64,
    /// Whether one is more than a date.
    pub has_clock: bool,
}

impl Course {
    pub fn add(&mut self, time: i64) {
        self.n += 1;
        self.has_clock |= time % DAY != 0;
        match self.greatest {
            Some(greatest) if time < greatest => {
                self.n_behind += 1;
                self.furthest_behind = self.furthest_behind.max(greatest.saturating_sub(time));
            }
            _ => self.greatest = Some(time),
        }
    }

    pub fn begin_partition(&mut self) {
        self.greatest = None;
    }

    /// The least round `disorder` with which none of them would have been late.
    pub fn disorder(&self) -> i64 {
        const ROUND: [i64; 20] = [
            1_000,
            10_000,
            100_000,
            500_000, // below a second
            1_000_000,
            2_000_000,
            5_000_000,
            10_000_000,
            15_000_000,
            30_000_000, // seconds
            60_000_000,
            120_000_000,
            300_000_000,
            600_000_000,
            900_000_000,
            1_800_000_000, // minutes
            3_600_000_000,
            7_200_000_000,
            21_600_000_000,
            43_200_000_000, // hours
        ];
        match self.furthest_behind {
            0 => 0,
            behind => ROUND
                .into_iter()
                .find(|round| *round >= behind)
                .unwrap_or_else(|| behind.checked_add(DAY - 1).map_or(behind, |days| days / DAY * DAY)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disorder_is_that_of_the_worst_partition_rounded_up() {
        let mut course = Course::default();
        [10, 7, 12, 11].iter().for_each(|second| course.add(second * 1_000_000));
        course.begin_partition();
        [1, 2].iter().for_each(|second| course.add(second * 1_000_000));
        assert_eq!((course.n, course.n_behind, course.furthest_behind), (6, 2, 3_000_000));
        assert_eq!(course.disorder(), 5_000_000);
        let of = |furthest_behind: i64| Course { furthest_behind, ..Course::default() }.disorder();
        assert_eq!([of(0), of(1), of(86_400_000_001)], [0, 1_000, 2 * 86_400_000_000]);
        assert_eq!(of(i64::MAX), i64::MAX);
    }
}
