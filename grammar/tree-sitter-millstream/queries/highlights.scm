; How programs are colored, in Neovim's names; of two for one place the later counts.

; ---------- names, from the general to the particular ----------

(identifier) @variable

(binding name: (identifier) @variable)
(comprehension variable: (identifier) @variable)
(parameter name: (identifier) @variable.parameter)
(param_item name: (identifier) @constant)
(event variable: (identifier) @variable)
(from_clause alias: (identifier) @variable)
(join_clause alias: (identifier) @variable)

(member_expression name: (identifier) @property)
(field_definition name: (identifier) @property)
(record_field name: (identifier) @property)
(fill_field name: (identifier) @property)
(select_column alias: (identifier) @property)
(group_key alias: (identifier) @property)
(replacement name: (identifier) @property)
(state_member name: (identifier) @property)
(source_key (identifier) @property)
(time_option column: (identifier) @property)
(except (identifier) @property)
(named_argument name: (identifier) @variable.parameter)

(call_expression function: (identifier) @function)
(function_item name: (identifier) @function)
(aggregate_item name: (identifier) @function)
(connector name: (identifier) @function.builtin)

(named_type name: (identifier) @type)
(scaled_type name: (identifier) @type)
(applied_type name: (identifier) @type)
(type_item name: (identifier) @type)
(encoding name: (identifier) @type)

(stream_name (identifier) @module)
(source_item name: (identifier) @module)
(table_item name: (identifier) @module)
(stream_item name: (identifier) @module)
(sink_item name: (identifier) @module)
(module_path (identifier) @module)
(use_names (identifier) @type)

([(named_type name: (identifier) @type.builtin)
  (scaled_type name: (identifier) @type.builtin)
  (applied_type name: (identifier) @type.builtin)]
 (#any-of? @type.builtin
  "bool" "int" "float" "decimal" "string" "bytes" "timestamp" "duration" "json" "list" "map"))

; ---------- words ----------

["use" "param" "fn" "aggregate" "type" "source" "table" "stream" "sink" "test"] @keyword

[
  "from" "match" "where" "let" "select" "group" "by" "window" "unnest" "union" "dedupe" "changes" "top" "order"
  "throttle" "time" "emit" "join" "left join" "right join" "full join" "semi join" "anti join"
] @keyword

[
  "as" "on" "of" "to" "key" "delete" "when" "format" "refresh" "disorder" "idle" "ahead" "within" "forever"
  "tumbling" "hopping" "cumulative" "session" "sliding" "running" "every" "rows" "offset" "max" "lateness" "fill"
  "for" "previous" "per" "keep" "last" "expire" "until" "asc" "desc" "final" "change" "except" "replace" "filter"
  "distinct" "late" "errors" "overlapping" "all" "once" "without" "timeout" "reuse" "limit" "then" "next"
  "adjacent" "greedy" "ordered" "error" "retry" "backoff" "fail" "sideline" "state" "add" "remove" "merge"
  "result" "given" "advance" "expect" "unordered" "contains" "empty" "count"
] @keyword

(calendar_unit) @keyword
["if" "else"] @keyword.conditional
(if_expression "then" @keyword.conditional)
["and" "or" "not" "in" "like" "matches" "between" "is"] @keyword.operator

; ---------- literals ----------

(integer) @number
[(decimal) (float)] @number.float
[(duration) (timestamp)] @number
(boolean) @boolean
(null) @constant.builtin
(null_expression "null" @constant.builtin)
[(string) (raw_string) (template_string)] @string
(escape_sequence) @string.escape
(interpolation) @none
((binary_expression operator: "matches" right: (raw_string) @string.regexp))

; ---------- signs ----------

["==" "!=" "<=" ">=" "+" "++" "-" "*" "/" "%" "??" "=" "->" ".."] @operator
(binary_expression operator: ["<" ">"] @operator)
(applied_type ["<" ">"] @punctuation.bracket)
(nullable_type "?" @operator)
(quantifier ["+" "*" "?"] @operator)
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
["," "." ":" "|"] @punctuation.delimiter
(interpolation ["{" "}"] @punctuation.special)

; ---------- comments ----------

(comment) @comment
(doc_comment) @comment.documentation
