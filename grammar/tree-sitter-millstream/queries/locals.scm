; Which names are seen where. Items are seen in the whole file; names of a query, a function or a test in it.
(source_file) @local.scope
(query) @local.scope
(function_item) @local.scope
(aggregate_item) @local.scope
(comprehension) @local.scope

(param_item name: (identifier) @local.definition.constant)
(function_item name: (identifier) @local.definition.function)
(aggregate_item name: (identifier) @local.definition.function)
(type_item name: (identifier) @local.definition.type)
(source_item name: (identifier) @local.definition.var)
(table_item name: (identifier) @local.definition.var)
(stream_item name: (identifier) @local.definition.var)
(sink_item name: (identifier) @local.definition.var)
(parameter name: (identifier) @local.definition.parameter)
(binding name: (identifier) @local.definition.var)
(event variable: (identifier) @local.definition.var)
(from_clause alias: (identifier) @local.definition.var)
(join_clause alias: (identifier) @local.definition.var)
(comprehension variable: (identifier) @local.definition.var)

(identifier) @local.reference
