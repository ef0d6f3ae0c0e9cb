//! What the server knows: the open files, and for each the program that begins with it.
//!
//! A program is compiled when it is asked for and kept until one of its files changes. Every open file is a
//! program of its own, and may be part of others as well.

mod disk;
pub mod own_texts;
mod program;

pub use disk::paths_beside;
use own_texts::OwnTexts;
pub use program::{Program, load};

use crate::address;
use crate::client::Client;
use crate::documents::{Change, Documents};
use crate::requests::diagnostics::Told;
use crate::server::words_of;
use millstream_base::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;

pub struct Workspace {
    pub client: Client,
    pub documents: Documents,
    pub own_texts: OwnTexts,
    /// By the name of the open file; none where the compiler failed on it.
    programs: BTreeMap<String, Option<Rc<Program>>>,
    /// Programs as they were before a change. To take them apart takes a while, for which no answer has to wait.
    stale: Vec<Rc<Program>>,
    /// Files of whose programs one has come or gone since [`Workspace::take_touched`].
    touched: BTreeSet<String>,
    pub told: Told,
}

impl Workspace {
    /// `caches` is where programs keep what they can make again.
    pub fn new(client: Client, caches: Option<&Path>) -> Workspace {
        Workspace {
            own_texts: OwnTexts::new(&client, caches),
            client,
            documents: Documents::default(),
            programs: BTreeMap::new(),
            stale: vec![],
            touched: BTreeSet::new(),
            told: Told::default(),
        }
    }

    pub fn open(&mut self, address: String, version: i32, text: String) {
        let name = address::name_of(&address);
        self.documents.open(name.clone(), address, version, text);
        if !self.client.pulls_diagnostics {
            self.told.forget(&name);
        }
        self.forget(&name);
    }

    pub fn change(&mut self, name: &str, version: i32, changes: Vec<Change>) {
        self.documents.change(name, version, changes, self.client.encoding);
        self.forget(name);
    }

    pub fn close(&mut self, name: &str) {
        self.documents.close(name);
        self.forget(name);
    }

    /// A file that is open counts as it stands in the editor.
    pub fn changed_on_disk(&mut self, name: &str) {
        if self.documents.get(name).is_none() {
            self.forget(name);
        }
    }

    /// Forgets the programs that this file is part of, or would be if it could be read.
    fn forget(&mut self, name: &str) {
        let is_of = |owner: &String, program: &Option<Rc<Program>>| {
            owner == name || program.as_ref().is_some_and(|program| program.reads.contains(name))
        };
        for (owner, program) in self.programs.extract_if(.., |owner, program| is_of(owner, program)) {
            self.touched.extend(files_of(owner, &program));
            self.stale.extend(program);
        }
        self.touched.insert(name.to_string());
    }

    /// The program that begins with an open file.
    pub fn program(&mut self, name: &str) -> Option<Rc<Program>> {
        self.documents.get(name)?;
        if !self.programs.contains_key(name) {
            // The compiler's fault has been logged by whoever asked first.
            let _ = self.compile(name);
        }
        self.programs.get(name).cloned().flatten()
    }

    /// The programs of all open files.
    pub fn all_programs(&mut self) -> Vec<Rc<Program>> {
        let names: Vec<String> = self.documents.iter().map(|(name, _)| name.to_string()).collect();
        names.iter().filter_map(|name| self.program(name)).collect()
    }

    /// A program that this file is part of: its own, if it is open.
    pub fn program_with(&mut self, name: &str) -> Option<Rc<Program>> {
        let own = self.program(name);
        own.or_else(|| self.all_programs().into_iter().find(|program| program.file(name).is_some()))
    }

    /// The programs below the editor's folders that are not open and whose first file may name something.
    pub fn closed_programs(&self, may_name: impl Fn(&str) -> bool) -> Vec<Rc<Program>> {
        let closed = disk::programs_below(&self.client.folders).into_iter();
        let closed = closed.filter(|name| self.documents.get(name).is_none());
        let compiled = closed.filter_map(|name| {
            let text = disk::read(&name).ok().filter(|text| may_name(text))?;
            let compile = AssertUnwindSafe(|| Program::new(&name, text.into(), &self.documents));
            catch_unwind(compile).ok().map(Rc::new)
        });
        compiled.collect()
    }

    /// A name in a file of one program, and again in each other program that this file is part of.
    pub fn sharing(&mut self, program: &Rc<Program>, name: Span) -> Vec<(Rc<Program>, Span)> {
        let files = &program.analysis.files;
        let Some((source, _)) = program.text(name.file) else { return vec![] };
        let word = files.text(name).trim_matches('`');
        let others = self.all_programs().into_iter().filter(|other| !Rc::ptr_eq(other, program));
        let others =
            others.collect::<Vec<_>>().into_iter().chain(self.closed_programs(|text| text.contains(word)));
        let shared = others.filter_map(|other| {
            let file = other.file(&source.name)?;
            Some((other, Span { file, ..name }))
        });
        [(program.clone(), name)].into_iter().chain(shared).collect()
    }

    /// Compiles what has changed; what the compiler failed on is told.
    pub fn check(&mut self) -> Vec<String> {
        let is_new = |name: &&str| !self.programs.contains_key(*name);
        let new: Vec<String> =
            self.documents.iter().map(|(name, _)| name).filter(is_new).map(str::to_string).collect();
        new.iter().filter_map(|name| self.compile(name).err()).collect()
    }

    fn compile(&mut self, name: &str) -> Result<(), String> {
        let Some(document) = self.documents.get(name) else { return Ok(()) };
        // What the library declares is no program: nothing is told of it.
        let text = if self.own_texts.module_of(name).is_some() { "".into() } else { document.text.clone() };
        let compile = AssertUnwindSafe(|| Program::new(name, text, &self.documents));
        let compiled = catch_unwind(compile)
            .map_err(|panic| format!("a fault in Millstream while it checked {name}: {}", words_of(&*panic)));
        let (program, outcome) = match compiled {
            Ok(program) => (Some(Rc::new(program)), Ok(())),
            Err(fault) => (None, Err(fault)),
        };
        self.touched.extend(files_of(name.to_string(), &program));
        self.programs.insert(name.to_string(), program);
        outcome
    }

    /// Lets go of what nobody asks for any more. What is compiled next then takes its place in memory, which is faster
    /// than to find new.
    pub fn clear(&mut self) {
        self.stale.clear();
    }

    /// The files of which what is wrong with them may have changed since this was asked last.
    pub fn take_touched(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.touched)
    }
}

fn files_of(owner: String, program: &Option<Rc<Program>>) -> Vec<String> {
    let files = program.iter().flat_map(|p| p.analysis.files.files().map(|(_, file)| file.name.clone()));
    files.chain([owner]).collect()
}
