//! One module of machine code per flow: functions are declared and defined here, and finished at once.

use crate::call::Code;
use cranelift::codegen::Context;
use cranelift::codegen::ir::function::FunctionStencil;
use cranelift::codegen::isa::OwnedTargetIsa;
use cranelift::prelude::*;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module};
use millstream_ir::engine::CompileError;
use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Builds the functions of a flow. Most take the address of their frame (see [`crate::abi`]).
pub struct CodeBuilder {
    code: Code,
    context: Context,
    builder_context: FunctionBuilderContext,
    /// What has been compiled, by hash. Functions get all addresses from their frame, so that streams of
    /// one shape share one: most of a long program.
    known: HashMap<u64, Vec<(FunctionStencil, FuncId)>>,
    /// The functions as text, if somebody wants to see it: printing takes a tenth of compiling.
    text: Option<String>,
}

/// The instruction set of this machine, as we want it used.
fn target() -> Result<OwnedTargetIsa, CompileError> {
    let mut flags = settings::builder();
    let wanted = [
        // Only this level turns a division by a constant into a multiplication.
        ("opt_level", "speed"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("enable_probestack", "false"),
        ("unwind_info", "false"),
    ];
    for (name, value) in wanted {
        flags.set(name, value).map_err(failure)?;
    }
    let isa = cranelift_native::builder().map_err(|m| CompileError(m.into()))?;
    isa.finish(settings::Flags::new(flags)).map_err(failure)
}

fn failure(error: impl std::fmt::Display) -> CompileError {
    CompileError(error.to_string().into())
}

impl CodeBuilder {
    pub fn new(with_text: bool) -> Result<CodeBuilder, CompileError> {
        let module =
            JITModule::new(JITBuilder::with_isa(target()?, cranelift_module::default_libcall_names()));
        Ok(CodeBuilder {
            context: module.make_context(),
            code: Code::new(module),
            builder_context: FunctionBuilderContext::new(),
            known: HashMap::new(),
            text: with_text.then(String::new),
        })
    }

    /// Compiles a function over a frame: `body` is given the builder, at the function's entry, and the frame.
    pub fn function(
        &mut self,
        name: &str,
        body: impl FnOnce(&mut FunctionBuilder, codegen::ir::Value),
    ) -> Result<FuncId, CompileError> {
        self.function_of(name, 1, None, |builder, parameters| body(builder, parameters[0]))
    }

    /// Compiles a function of so many words: `body` is given the builder, at the function's entry, and these.
    pub fn function_of(
        &mut self,
        name: &str,
        n_words: usize,
        result: Option<Type>,
        body: impl FnOnce(&mut FunctionBuilder, &[codegen::ir::Value]),
    ) -> Result<FuncId, CompileError> {
        let module = self.code.module();
        let mut signature = module.make_signature();
        signature.params.resize(n_words, AbiParam::new(types::I64));
        signature.returns.extend(result.map(AbiParam::new));
        self.context.func.signature = signature.clone();
        let mut builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder_context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let parameters = builder.block_params(entry).to_vec();
        body(&mut builder, &parameters);
        builder.seal_all_blocks();
        builder.finalize(module.target_config());
        if let Some(text) = &mut self.text {
            let _ = writeln!(text, "; {name}\n{}", self.context.func.display());
        }
        let function = &self.context.func;
        debug_assert!(function.params.user_named_funcs().is_empty(), "a call would tell functions apart");
        let mut hasher = DefaultHasher::new();
        function.stencil.hash(&mut hasher);
        let known = self.known.entry(hasher.finish()).or_default();
        if let Some((_, id)) = known.iter().find(|(stencil, _)| *stencil == function.stencil) {
            module.clear_context(&mut self.context);
            return Ok(*id);
        }
        let stencil = function.stencil.clone();
        let id = module.declare_function(name, Linkage::Local, &signature).map_err(failure)?;
        module
            .define_function(id, &mut self.context)
            .map_err(|e| CompileError(format!("{name}: {e:?}").into()))?;
        module.clear_context(&mut self.context);
        known.push((stencil, id));
        Ok(id)
    }

    /// Makes the functions callable; gives them with their text, if it was wanted.
    pub fn finish(mut self) -> Result<(Arc<Code>, String), CompileError> {
        self.code.module().finalize_definitions().map_err(failure)?;
        Ok((Arc::new(self.code), self.text.unwrap_or_default()))
    }
}
