; What is in another language.
((binary_expression
  operator: "matches"
  right: (raw_string (string_content) @injection.content))
 (#set! injection.language "regex"))

((binary_expression
  operator: "matches"
  right: (string (string_content) @injection.content))
 (#set! injection.language "regex"))

([(comment) (doc_comment)] @injection.content
 (#set! injection.language "comment"))
