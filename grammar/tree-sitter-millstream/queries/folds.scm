; What folds: items of more than one line, and brackets in them.
[
  (stream_item)
  (table_item)
  (source_item)
  (sink_item)
  (test_item)
  (members)
  (record_type)
  (arguments)
  (rows)
  (list)
  (record)
] @fold
