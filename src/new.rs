//! A new project: a program with a test, its input, and what to do with them.

use crate::command_line::{Said, cannot_create, quoted_path};
use millstream_base::codes;
use millstream_base::{Diagnostic, Span};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a project is made of: the name of each file, what it is, and its text.
const FILES: [(&str, &str, &str); 3] = [
    ("PROJECT.stream", "a program with a test", include_str!("new/program.stream")),
    ("orders.ndjson", "its input", include_str!("new/orders.ndjson")),
    ("README.md", "what to do with them", include_str!("new/README.md")),
];

/// Makes the folder with the files in it; what was made, for people.
pub fn new(named: &Said) -> Result<String, Box<Diagnostic>> {
    let folder = Path::new(&named.text);
    let is_name = |name: &&str| !name.ends_with(".stream") && !name.contains(char::is_control);
    let name = folder.file_name().and_then(|name| name.to_str()).filter(is_name);
    let Some(name) = name else { return Err(Box::new(no_name(named))) };
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(false) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Ok(true) => return Err(Box::new(in_use(named.span, folder))),
        Err(_) if folder.exists() => return Err(Box::new(in_use(named.span, folder))),
        Err(error) => return Err(Box::new(cannot_create(named.span, folder, &error))),
    }
    std::fs::create_dir_all(folder).map_err(|error| cannot_create(named.span, folder, &error))?;
    let mut told = String::new();
    let files = FILES.map(|(file, what, text)| (path(folder, file, name), what, filled_in(text, name)));
    let width = files.iter().map(|(path, ..)| path.display().to_string().chars().count()).max().unwrap_or(0);
    for (path, what, text) in &files {
        std::fs::write(path, text).map_err(|error| cannot_create(named.span, path, &error))?;
        told += &format!("{:width$}  {what}\n", path.display().to_string());
    }
    let program = quoted_path(&files[0].0.display().to_string());
    Ok(format!("{told}\nRun it:  millstream run {program}\nTest it: millstream test {program}\n"))
}

/// The text of a file; what stands in a line of the shell is quoted where it must be.
fn filled_in(text: &str, name: &str) -> String {
    let line = |line: &str| match line.starts_with("millstream ") {
        true => line.replace("PROJECT.stream", &quoted_path(&format!("{name}.stream"))),
        false => line.replace("PROJECT", name),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

fn path(folder: &Path, file: &str, name: &str) -> PathBuf {
    folder.join(file.replace("PROJECT", name))
}

fn no_name(named: &Said) -> Diagnostic {
    let headline = format!("`{}` is no name of a project", named.text);
    let fault = Diagnostic::new(codes::E0962, named.span, headline).label("expected a folder's name");
    match named.text.strip_suffix(".stream").filter(|stem| !stem.is_empty()) {
        Some(stem) => fault.fix("name the folder, in which the program is called the same", named.span, stem),
        None => fault.help("name a folder that is made for it, such as `shop`"),
    }
}

fn in_use(span: Span, folder: &Path) -> Diagnostic {
    let what =
        if folder.is_dir() { "is there already, with files in it" } else { "is there already, as a file" };
    Diagnostic::new(codes::E0963, span, format!("`{}` {what}", folder.display()))
        .label("not overwritten")
        .help("choose another name, or move what is there")
}
