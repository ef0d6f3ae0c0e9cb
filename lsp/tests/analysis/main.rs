//! What is answered about programs while they are written.

mod definition;
mod helper;
mod hover;
