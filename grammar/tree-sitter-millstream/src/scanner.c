// What cutting Millstream into tokens needs beyond regular expressions; the norm is `compiler/syntax/src/lexer.rs`.
//
// The generated lexer tries only tokens that fit the place. Here are those that must be as long as they can be at
// any place, so that `5min` is never `5m` and a name: numbers, comments, joins with a side, `>=` and `??`. The
// parser rejects them where they do not fit. Text between quotes is here because comments, which may begin
// anywhere, may not begin there.

#include "tree_sitter/alloc.h"
#include "tree_sitter/parser.h"

// In the order of `externals` in grammar.js.
enum Token {
  COMMENT, DOC_COMMENT,
  INTEGER, DECIMAL, FLOAT, DURATION, TIMESTAMP,
  STRING_CONTENT, RAW_CONTENT,
  TEMPLATE_START, TEMPLATE_CONTENT, TEMPLATE_OPEN, TEMPLATE_CLOSE, TEMPLATE_END,
  LEFT_JOIN, RIGHT_JOIN, FULL_JOIN, SEMI_JOIN, ANTI_JOIN, SIDE,
  GREATER_EQUAL, COALESCE,
  // Fits nowhere; the parser asks for it only when it recovers from an error.
  UNEXPECTED,
};

// How many f-strings are open. All end with their line.
typedef struct { uint8_t n_open; } Scanner;

void *tree_sitter_millstream_external_scanner_create(void) { return ts_calloc(1, sizeof(Scanner)); }

void tree_sitter_millstream_external_scanner_destroy(void *payload) { ts_free(payload); }

unsigned tree_sitter_millstream_external_scanner_serialize(void *payload, char *buffer) {
  buffer[0] = (char)((Scanner *)payload)->n_open;
  return 1;
}

void tree_sitter_millstream_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  ((Scanner *)payload)->n_open = length > 0 ? (uint8_t)buffer[0] : 0;
}

static void take(TSLexer *lexer) { lexer->advance(lexer, false); }

static bool is_digit(int32_t c) { return c >= '0' && c <= '9'; }
static bool is_letter(int32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_word(int32_t c) { return is_letter(c) || is_digit(c) || c == '_'; }
static bool is_break(int32_t c) { return c == '\r' || c == '\n'; }
static bool is_blank(int32_t c) { return c == ' ' || c == '\t' || c == '\f' || is_break(c); }

static bool at_end_of_line(TSLexer *lexer) { return lexer->eof(lexer) || is_break(lexer->lookahead); }

static bool token(TSLexer *lexer, enum Token kind) {
  lexer->result_symbol = kind;
  return true;
}

// ---------- comments ----------

// Behind the first dash: takes the rest of a comment, if it is one. A doc comment has exactly three dashes.
static bool comment(TSLexer *lexer) {
  if (lexer->lookahead != '-') return false;
  unsigned dashes = 1;
  for (; lexer->lookahead == '-'; dashes++) take(lexer);
  while (!at_end_of_line(lexer)) take(lexer);
  return token(lexer, dashes == 3 ? DOC_COMMENT : COMMENT);
}

// ---------- numbers, durations, timestamps ----------

static void digits(TSLexer *lexer) {
  while (is_digit(lexer->lookahead) || lexer->lookahead == '_') take(lexer);
}

// One of us, ms, s, m, h, d, w.
static bool unit(TSLexer *lexer) {
  int32_t first = lexer->lookahead;
  take(lexer);
  switch (first) {
    case 's': case 'h': case 'd': case 'w':
      return true;
    case 'm':
      if (lexer->lookahead == 's') take(lexer);
      return true;
    case 'u':
      if (lexer->lookahead != 's') return false;
      take(lexer);
      return true;
    default:
      return false;
  }
}

// Behind the digits of a duration's first part. What runs on into other letters or digits is no token.
static bool duration(TSLexer *lexer) {
  if (!unit(lexer)) return false;
  while (is_digit(lexer->lookahead)) {
    digits(lexer);
    if (!unit(lexer)) return false;
  }
  if (is_word(lexer->lookahead)) return false;
  lexer->mark_end(lexer);
  return token(lexer, DURATION);
}

// Behind the digits in front of an `e`.
static bool exponent(TSLexer *lexer) {
  take(lexer);
  bool has_sign = lexer->lookahead == '+' || lexer->lookahead == '-';
  if (has_sign) take(lexer);
  if (!is_digit(lexer->lookahead)) return false;
  while (is_digit(lexer->lookahead)) take(lexer);
  // A sign ends the run of letters and digits that would be no number.
  if (!has_sign && is_word(lexer->lookahead)) return false;
  lexer->mark_end(lexer);
  return token(lexer, FLOAT);
}

static bool number(TSLexer *lexer) {
  enum Token kind = INTEGER;
  digits(lexer);
  lexer->mark_end(lexer);
  if (lexer->lookahead == '.') {
    take(lexer);
    // `0..5` and `1.name` hold an integer.
    if (!is_digit(lexer->lookahead)) return token(lexer, INTEGER);
    digits(lexer);
    lexer->mark_end(lexer);
    kind = DECIMAL;
  }
  if (lexer->lookahead == 'e' || lexer->lookahead == 'E') return exponent(lexer);
  if (!is_word(lexer->lookahead)) return token(lexer, kind);
  return kind == INTEGER && duration(lexer);
}

static bool n_digits(TSLexer *lexer, unsigned n) {
  for (; n > 0; n--) {
    if (!is_digit(lexer->lookahead)) return false;
    take(lexer);
  }
  return true;
}

static bool sign_and_digits(TSLexer *lexer, char sign, unsigned n) {
  if (lexer->lookahead != sign) return false;
  take(lexer);
  return n_digits(lexer, n);
}

// Whether the text runs on where a timestamp could have ended.
static bool runs_on(TSLexer *lexer) {
  return is_letter(lexer->lookahead) || is_digit(lexer->lookahead) || lexer->lookahead == ':' || lexer->lookahead == '.';
}

// Behind the time of day: `Z`, `+02:00`, `-0330`, or nothing, of which a `-5m` is no part.
static bool zone(TSLexer *lexer) {
  if (lexer->lookahead == 'Z') {
    take(lexer);
    if (runs_on(lexer)) return false;
    lexer->mark_end(lexer);
    return true;
  }
  if (runs_on(lexer)) return false;
  lexer->mark_end(lexer);
  if (lexer->lookahead == '+' || lexer->lookahead == '-') {
    take(lexer);
    if (!n_digits(lexer, 2)) return true;
    if (lexer->lookahead == ':') take(lexer);
    if (n_digits(lexer, 2)) lexer->mark_end(lexer);
  }
  return true;
}

static bool timestamp(TSLexer *lexer) {
  take(lexer);
  if (!n_digits(lexer, 4) || !sign_and_digits(lexer, '-', 2) || !sign_and_digits(lexer, '-', 2)) return false;
  if (lexer->lookahead == 'T') {
    take(lexer);
    if (!n_digits(lexer, 2) || !sign_and_digits(lexer, ':', 2)) return false;
    if (lexer->lookahead == ':') {
      if (!sign_and_digits(lexer, ':', 2)) return false;
      if (lexer->lookahead == '.') {
        take(lexer);
        if (!is_digit(lexer->lookahead)) return false;
        while (is_digit(lexer->lookahead)) take(lexer);
      }
    }
    if (!zone(lexer)) return false;
  } else {
    if (is_letter(lexer->lookahead) || is_digit(lexer->lookahead)) return false;
    lexer->mark_end(lexer);
  }
  return token(lexer, TIMESTAMP);
}

// ---------- joins with a side ----------

// Takes a word if it is this one.
static bool word(TSLexer *lexer, const char *text) {
  for (; *text; text++) {
    if (lexer->lookahead != *text) return false;
    take(lexer);
  }
  return !is_word(lexer->lookahead);
}

static void blanks_and_comments(TSLexer *lexer) {
  for (;;) {
    if (is_blank(lexer->lookahead)) {
      take(lexer);
    } else if (lexer->lookahead == '-') {
      take(lexer);
      if (!comment(lexer)) return;
    } else {
      return;
    }
  }
}

// A side in front of `join` is one token with it, so that a half-typed `on` can't swallow the side. Behind a `.`
// it is the name of a field.
static bool sided_join(TSLexer *lexer, const char *side, enum Token kind, bool is_field) {
  if (!word(lexer, side)) return false;
  lexer->mark_end(lexer);
  blanks_and_comments(lexer);
  if (!word(lexer, "join")) return false;
  if (is_field) return token(lexer, SIDE);
  lexer->mark_end(lexer);
  return token(lexer, kind);
}

// ---------- text ----------

static bool content(TSLexer *lexer, enum Token kind) {
  bool has_any = false;
  while (!at_end_of_line(lexer) && lexer->lookahead != '"' && (kind == RAW_CONTENT || lexer->lookahead != '\\')) {
    take(lexer);
    has_any = true;
  }
  lexer->mark_end(lexer);
  return has_any && token(lexer, kind);
}

// Text of an f-string up to its next interpolation, escape or end; or that, if it stands here.
static bool template_text(Scanner *scanner, TSLexer *lexer) {
  for (bool has_any = false;; has_any = true) {
    lexer->mark_end(lexer);
    int32_t next = lexer->lookahead;
    if (has_any && (at_end_of_line(lexer) || next == '"' || next == '\\')) return token(lexer, TEMPLATE_CONTENT);
    if (at_end_of_line(lexer) || next == '\\') return false;
    take(lexer);
    if (next == '"') {
      lexer->mark_end(lexer);
      if (scanner->n_open > 0) scanner->n_open--;
      return token(lexer, TEMPLATE_END);
    }
    if (next != '{' && next != '}') continue;
    if (lexer->lookahead == next) {
      take(lexer);
    } else if (has_any) {
      return token(lexer, TEMPLATE_CONTENT);
    } else {
      lexer->mark_end(lexer);
      return next == '{' && token(lexer, TEMPLATE_OPEN);
    }
  }
}

// ---------- all ----------

// Skips blanks in front of a token, up to the end of a line that f-strings are open on.
static void blanks(const Scanner *scanner, TSLexer *lexer) {
  while (is_blank(lexer->lookahead) && !(scanner->n_open > 0 && is_break(lexer->lookahead))) {
    lexer->advance(lexer, true);
  }
}

bool tree_sitter_millstream_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
  Scanner *scanner = payload;
  bool recovers = valid[UNEXPECTED];
  if (!recovers) {
    if (valid[STRING_CONTENT]) return content(lexer, STRING_CONTENT);
    if (valid[RAW_CONTENT]) return content(lexer, RAW_CONTENT);
    if (valid[TEMPLATE_CONTENT]) return template_text(scanner, lexer);
  }
  blanks(scanner, lexer);
  bool is_field = valid[SIDE] && !recovers;
  switch (lexer->lookahead) {
    case '\r':
    case '\n':
      scanner->n_open = 0;
      take(lexer);
      lexer->mark_end(lexer);
      return token(lexer, UNEXPECTED);
    case '-':
      take(lexer);
      if (!comment(lexer)) return false;
      lexer->mark_end(lexer);
      return true;
    case '@':
      return timestamp(lexer);
    case '>':
      take(lexer);
      if (lexer->lookahead != '=') return false;
      take(lexer);
      lexer->mark_end(lexer);
      return token(lexer, GREATER_EQUAL);
    case '?':
      take(lexer);
      if (lexer->lookahead != '?') return false;
      take(lexer);
      lexer->mark_end(lexer);
      return token(lexer, COALESCE);
    case '}':
      if (scanner->n_open == 0 || !valid[TEMPLATE_CLOSE]) return false;
      take(lexer);
      lexer->mark_end(lexer);
      return token(lexer, TEMPLATE_CLOSE);
    case 'f':
      take(lexer);
      if (lexer->lookahead != '"') return sided_join(lexer, "ull", FULL_JOIN, is_field);
      take(lexer);
      lexer->mark_end(lexer);
      scanner->n_open++;
      return token(lexer, TEMPLATE_START);
    case 'l':
      return sided_join(lexer, "left", LEFT_JOIN, is_field);
    case 'r':
      return sided_join(lexer, "right", RIGHT_JOIN, is_field);
    case 's':
      return sided_join(lexer, "semi", SEMI_JOIN, is_field);
    case 'a':
      return sided_join(lexer, "anti", ANTI_JOIN, is_field);
    default:
      return is_digit(lexer->lookahead) && number(lexer);
  }
}
