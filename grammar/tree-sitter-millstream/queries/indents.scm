; Where lines are indented: inside of brackets, and clauses and options below their item.
[
  (members)
  (test_item)
  (record_type)
  (parameters)
  (arguments)
  (rows)
  (list)
  (record)
  (except)
  (replace)
  (query)
  (source_item)
  (table_item)
  (sink_item)
  (let_clause)
  (select_clause)
] @indent.begin

["}" "]" ")"] @indent.branch @indent.end
(comment) @indent.ignore
