//! `millstream emit`: what a program is in one of the compiler's layers.

use crate::cli::{Arguments, Emit, Layer};
use crate::program::{Problem, Program, has_errors, show};
use crate::{FAILED, WRONG_PROGRAM, terminal, usage};
use clap::error::ErrorKind;
use clap::{CommandFactory, ValueEnum};
use millstream_base::{Diagnostic, Diagnostics};
use millstream_ir::engine::CompileError;
use millstream_ir::flow::{Flow, NodeKind, Schema};
use millstream_jit::Jit;
use millstream_runtime::op::match_pattern;
use millstream_syntax::dump::{Spans, dump};

pub fn emit(arguments: Emit) -> u8 {
    if let Some(fault) = misplaced_option(&arguments) {
        return usage::tell(&fault);
    }
    let program = match Program::read("emit", &arguments.file) {
        Ok(program) => program,
        Err(refused) => return refused.tell(),
    };
    if matches!(arguments.layer, Layer::Tokens | Layer::Ast) {
        return emit_syntax(&program, &arguments);
    }
    let compiled = program.compile(&arguments.bindings);
    let compilation = &compiled.compilation;
    show(&compiled.files, &compilation.diagnostics);
    let Some(flow) = &compilation.flow else { return compiled.wrong().unwrap_or(WRONG_PROGRAM) };
    match arguments.layer {
        Layer::Hir => terminal::out(&compilation.program),
        Layer::Plan if arguments.opt => {
            terminal::out(format_args!("{}{}", compilation.trace, compilation.optimized))
        }
        Layer::Plan => terminal::out(&compilation.plan),
        Layer::Nfa => {
            if !flow.nodes.iter().any(|node| matches!(node.kind, NodeKind::Match(_))) {
                terminal::err(format_args!("`{}` has no pattern\n", arguments.file.display()));
            }
            terminal::out(automata(flow, arguments.dot))
        }
        layer => match of_flow(layer, flow) {
            Ok(text) => terminal::out(text),
            Err(problem) => problem.tell(),
        },
    }
}

/// An option that says nothing of the layer that is asked for.
fn misplaced_option(arguments: &Emit) -> Option<clap::Error> {
    let options = [
        ("--opt", arguments.opt, Layer::Plan),
        ("--spans", arguments.spans, Layer::Ast),
        ("--dot", arguments.dot, Layer::Nfa),
    ];
    let shown =
        |layer: &Layer| layer.to_possible_value().map_or(String::new(), |shown| shown.get_name().into());
    let (option, _, of) = options.iter().find(|(_, is_given, of)| *is_given && arguments.layer != *of)?;
    let message = format!("`{option}` is of the layer `{}`, not of `{}`", shown(of), shown(&arguments.layer));
    let mut command = Arguments::command();
    command.build();
    Some(command.find_subcommand_mut("emit")?.error(ErrorKind::ArgumentConflict, message))
}

/// The layers behind the plan.
pub fn of_flow(layer: Layer, flow: &Flow) -> Result<String, Problem> {
    match layer {
        Layer::Flow => Ok(flow.to_string()),
        Layer::Nfa => Ok(automata(flow, false)),
        _ => machine_code(flow).map_err(|error| Problem { message: error.to_string(), code: FAILED }),
    }
}

fn machine_code(flow: &Flow) -> Result<String, CompileError> {
    let mut text = Jit.text(flow)?;
    for (node, transitions) in match_pattern::transitions(flow) {
        text += &Jit.transitions_text(node, &transitions)?;
    }
    Ok(text)
}

/// The layers that any text has, however wrong.
fn emit_syntax(program: &Program, arguments: &Emit) -> u8 {
    let mut diagnostics = Diagnostics::default();
    let shown = if arguments.layer == Layer::Tokens {
        terminal::out(millstream_syntax::tokens(program.root, program.text(), &mut diagnostics))
    } else {
        let tree = millstream_syntax::parse(program.root, program.text(), &mut diagnostics);
        terminal::out(dump(&tree, if arguments.spans { Spans::Shown } else { Spans::Hidden }))
    };
    let found: Vec<Diagnostic> = diagnostics.into_sorted();
    show(&program.files, &found);
    if has_errors(&found) { WRONG_PROGRAM } else { shown }
}

/// The automaton of each pattern, below the pattern.
fn automata(flow: &Flow, dot: bool) -> String {
    let mut text = String::new();
    for node in &flow.nodes {
        let NodeKind::Match(spec) = &node.kind else { continue };
        let inputs: Vec<&Schema> = node.inputs.iter().map(|input| &flow.node(*input).schema).collect();
        if dot {
            text += &spec.automaton_dot(&node.name, &inputs);
        } else {
            let pattern = spec.pattern_text(&inputs);
            text += &format!("stream {}: {pattern}\n{}\n", node.name, spec.automaton_text(&inputs));
        }
    }
    text
}
