//! A copy of the process as it is at this moment, which works beside it: what either changes from then on the other
//! does not see. The system copies a page of memory when one of them writes to it, and not before.
//!
//! The copy has the thread that asked for it and no other, so its work must not wait for one, nor for what one may
//! have locked. It has memory, the files that it is to read, and the pipe that it writes to: every other file is closed
//! in it, so that it holds no lock and no output longer than the process does. When the process ends, so does the copy, at its next write.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes that the pipe takes while nobody reads.
const ROOM: libc::c_int = 1 << 20;

/// A copy at work. What it writes can be read here; when this is dropped it ends.
pub struct Copy {
    process: libc::pid_t,
    output: PipeReader,
}

impl Copy {
    /// Lets a copy of this process work, which has these files.
    pub fn of_process(
        files: &[RawFd],
        work: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Copy> {
        let (output, input) = io::pipe()?;
        // SAFETY: the pipe is open. Where it cannot be made larger, it is as large as it was.
        unsafe { libc::fcntl(input.as_raw_fd(), libc::F_SETPIPE_SZ, ROOM) };
        // SAFETY: the copy goes on with a copy of this thread's stack and of all memory. It leaves this function by
        // ending, so that nothing is dropped or handed out twice. The allocator of the system takes care of forks.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => work_and_end(files, work, Output(input)),
            process => Ok(Copy { process, output }),
        }
    }
}

/// Bytes of memory that this copy has for itself: what was written by it, or by the process that it is a copy of.
pub fn own_memory() -> u64 {
    let facts = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let kilobytes = |line: &str| line.split_ascii_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok());
    let own = facts.lines().filter(|line| line.starts_with("Private_"));
    own.filter_map(kilobytes).sum::<u64>() << 10
}

fn work_and_end(
    files: &[RawFd],
    work: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    mut output: Output,
) -> ! {
    close_all_but([files, &[output.0.as_raw_fd()]].concat());
    let worked = catch_unwind(AssertUnwindSafe(|| work(&mut output)));
    end(matches!(worked, Ok(Ok(()))))
}

/// Ends the copy, without what is done at the end of the process that it is a copy of.
fn end(is_fine: bool) -> ! {
    // SAFETY: nothing runs in this process but this thread.
    unsafe { libc::_exit(if is_fine { 0 } else { 1 }) }
}

/// Of a copy, which ends when nobody reads it any more.
struct Output(PipeWriter);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.write(bytes).unwrap_or_else(|_| end(false)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the system does not know this call, files stay open until the copy ends.
fn close_all_but(mut kept: Vec<RawFd>) {
    let close = |first: libc::c_uint, last: libc::c_uint| {
        // SAFETY: nothing in the copy uses these files.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }
    };
    kept.sort_unstable();
    let mut next = 0;
    for kept in kept.into_iter().map(|kept| kept as libc::c_uint) {
        if kept > next {
            close(next, kept - 1);
        }
        next = kept + 1;
    }
    close(next, libc::c_uint::MAX);
}

/// So long a reader waits for the copy before it may do something else.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Where nothing comes for a while that is a fault of the kind `WouldBlock`, as the copy may hang.
impl Read for Copy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match poll(&mut [PollFd::new(&self.output, PollFlags::IN)], Some(&WAIT)) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            Ok(_) => self.output.read(buffer),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // SAFETY: the process is a child of ours that nobody else waits for: its number is not another's yet.
        unsafe {
            libc::kill(self.process, libc::SIGKILL);
            libc::waitpid(self.process, std::ptr::null_mut(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_sees_what_was_and_not_what_came_after() {
        let mut number = vec![1u64; 1 << 16];
        let mut copy = Copy::of_process(&[], |output| {
            let sum: u64 = number.iter().sum();
            output.write_all(&sum.to_le_bytes())
        })
        .unwrap();
        number.fill(7);
        let mut written = vec![];
        copy.read_to_end(&mut written).unwrap();
        assert_eq!(written, (1u64 << 16).to_le_bytes());
    }

    #[test]
    fn a_copy_that_fails_or_is_dropped_is_gone() {
        let mut copy = Copy::of_process(&[], |_| Err(io::ErrorKind::Other.into())).unwrap();
        assert_eq!(copy.read(&mut [0]).unwrap(), 0);
        let endless = Copy::of_process(&[], |output| {
            loop {
                output.write_all(&[0; 1000])?;
            }
        });
        assert!(own_memory() > 0);
        let process = endless.map(|copy| copy.process).unwrap();
        // SAFETY: asks whether there is such a process, and does nothing to it.
        assert_eq!(unsafe { libc::kill(process, 0) }, -1);
    }
}
