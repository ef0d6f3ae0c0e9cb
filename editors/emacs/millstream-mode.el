;;; millstream-mode.el --- Millstream programs -*- lexical-binding: t; -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: languages

;;; Commentary:

;; Colors, comments and, by eglot, the language server for `.stream' programs.  `eglot-format-buffer' lays them out.

;;; Code:

(defgroup millstream nil "Millstream programs." :group 'languages)

(defcustom millstream-command "millstream"
  "The `millstream' command: its name on the path, or where it is."
  :type 'string)

(defvar millstream-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?_ "w" table)
    (modify-syntax-entry ?- ". 12" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?\" "\"" table)
    (modify-syntax-entry ?` "\"" table)
    table))

(defconst millstream--font-lock
  `((,(rx line-start (* blank)
          (group (or "stream" "source" "table" "sink" "param" "type" "fn" "aggregate")) (+ blank)
          (group (or (+ word) (seq "`" (+ (not (any "`\n"))) "`"))))
     (1 font-lock-keyword-face) (2 font-lock-function-name-face))
    (,(rx "@" (+ digit) "-" (+ (any "0-9TZ:.+-"))) . font-lock-constant-face)
    (,(rx "." (group (+ word))) 1 font-lock-variable-name-face)
    (,(rx word-start (group (+ word)) (* blank) ":") 1 font-lock-variable-name-face)
    (,(rx symbol-start (or "true" "false" "null") symbol-end) . font-lock-constant-face)
    (,(rx symbol-start
          (or "and" "or" "not" "if" "then" "else" "in" "is" "like" "matches" "between" "distinct" "filter"
              "use" "test" "from" "to" "format" "as" "on" "of" "by" "key" "error" "retry" "backoff" "fail" "sideline"
              "match" "all" "once" "overlapping" "next" "within" "without" "timeout" "reuse" "limit" "adjacent"
              "greedy" "forever" "where" "let" "select" "except" "replace" "unnest" "union" "dedupe" "changes"
              "throttle" "emit" "final" "change" "every"
              (seq (? (or "left" "right" "full" "semi" "anti") (+ blank)) "join")
              (seq (or "group" "order") (+ blank) "by")
              (seq "window" (+ blank) (or "tumbling" "hopping" "cumulative" "session" "sliding" "running"))
              "offset" "lateness" "fill" "previous" "expire" "until" "keep" "disorder" "idle" "ahead" "refresh"
              "given" "advance" "expect" "unordered" "contains" "empty")
          symbol-end)
     . font-lock-keyword-face)
    (,(rx (group (+ word)) "(") 1 font-lock-function-name-face)))

;;;###autoload
(define-derived-mode millstream-mode prog-mode "Millstream"
  "Millstream programs, colored by words."
  (setq-local comment-start "-- " comment-end "" comment-start-skip "--+[ \t]*"
              indent-tabs-mode nil tab-width 2
              font-lock-defaults '(millstream--font-lock)))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.stream\\'" . millstream-mode))

(defvar eglot-server-programs)
(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs
               `(millstream-mode . (,millstream-command "lsp"))))

(provide 'millstream-mode)
;;; millstream-mode.el ends here
