//! What is answered about programs while they are written.

mod completion;
mod definition;
mod fixes;
mod helper;
mod hierarchy;
mod hints;
mod hover;
mod rename;
mod robust;
mod signature;
mod symbols;
mod tokens;
