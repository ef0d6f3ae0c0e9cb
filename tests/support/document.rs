//! A page of Markdown as headings, prose and blocks that tests can read and fill.

pub struct Document {
    pub sections: Vec<Section>,
}

/// The lines from one heading to the next: prose and blocks in turn.
pub struct Section {
    pub parts: Vec<Part>,
}

pub enum Part {
    Prose(String),
    Block { kind: String, body: String },
}

impl Document {
    pub fn parse(text: &str) -> Document {
        let mut sections = vec![Section { parts: vec![] }];
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.starts_with("## ") {
                sections.push(Section { parts: vec![] });
            }
            let section = sections.last_mut().expect("there is always one");
            if let Some(kind) = line.strip_prefix("```") {
                let body = lines.by_ref().take_while(|l| *l != "```").map(|l| format!("{l}\n")).collect();
                section.parts.push(Part::Block { kind: kind.into(), body });
            } else {
                section.parts.push(Part::Prose(line.into()));
            }
        }
        Document { sections }
    }

    pub fn text(&self) -> String {
        let parts = self.sections.iter().flat_map(|s| &s.parts);
        parts
            .map(|p| match p {
                Part::Prose(line) => format!("{line}\n"),
                Part::Block { kind, body } => format!("```{kind}\n{body}```\n"),
            })
            .collect()
    }
}
