// The grammar of Millstream for editors: what `../millstream.lalrpop` says, in its order and mostly in its words.
//
// That file is the norm. `bindings/rust/tests/agreement.rs` holds that this one accepts just the same programs,
// and lists what is left to the checker. Tiers of expressions and the narrowings of names are explained there
// and in `../README.md`; what cutting text into tokens needs beyond regular expressions is in `src/scanner.c`.

// Never names unless in backticks, after a `.` or before a `:`.
const RESERVED = [
  'and', 'or', 'not', 'if', 'then', 'else', 'true', 'false', 'null', 'distinct',
  'where', 'select', 'let', 'join', 'unnest', 'union', 'dedupe', 'throttle', 'emit',
];

// Words of clauses that are names wherever a name fits, but in patterns.
const NO_PATTERN_NAMES = ['all', 'by', 'once', 'overlapping', 'within'];

// Words of clauses that are names wherever a name fits.
const CONTEXTUAL = [
  'add', 'adjacent', 'advance', 'aggregate', 'ahead', 'as', 'asc', 'backoff', 'between', 'change', 'changes',
  'contains', 'count', 'cumulative', 'day', 'delete', 'desc', 'disorder', 'empty', 'error', 'errors',
  'every', 'except', 'expect', 'expire', 'fail', 'fill', 'filter', 'final', 'fn', 'for', 'forever', 'format',
  'from', 'given', 'greedy', 'group', 'hopping', 'hour', 'idle', 'in', 'is', 'keep', 'key', 'last', 'late',
  'lateness', 'like', 'limit', 'match', 'matches', 'max', 'merge', 'month', 'next', 'of', 'offset', 'on',
  'order', 'ordered', 'param', 'per', 'previous', 'quarter', 'refresh', 'remove', 'replace', 'result',
  'retry', 'reuse', 'rows', 'running', 'session', 'sideline', 'sink', 'sliding', 'source', 'state', 'stream',
  'table', 'test', 'time', 'timeout', 'to', 'top', 'tumbling', 'type', 'unordered', 'until', 'use', 'week',
  'when', 'window', 'without', 'year',
];

// An open list, which may not end in a comma: a word of the next clause could be its next element.
const open = (element) => seq(element, repeat(seq(',', element)));
// A list in brackets, which may.
const list = (element) => optional(seq(open(element), optional(',')));
// Words that stand for names.
const names = ($, words) => words.map((word) => alias(word, $.identifier));

// One tier of binary operators, associating to the left, and its twin whose text ends in an `if`: an `if` may
// be the right operand of anything, and reaches as far right as it can.
const tier = (name, next, operator) => {
  const binary = ($, right) =>
    seq(field('left', $[`_${name}`]), field('operator', operator), field('right', $[`_${right}`]));
  return {
    [`_${name}`]: ($) => choice($[`_${next}`], alias($[`_${name}_binary`], $.binary_expression)),
    [`_${name}_binary`]: ($) => binary($, next),
    [`_${name}_if`]: ($) => choice($[`_${next}_if`], alias($[`_${name}_if_binary`], $.binary_expression)),
    [`_${name}_if_binary`]: ($) => binary($, `${next}_if`),
  };
};

// A comparison, which does not chain, with the last operand of this tier.
const comparison = ($, last) =>
  seq(
    field('left', $._coalesce),
    field('operator', choice('==', '!=', '<', '<=', '>', '>=', $._test_operator)),
    field('right', last),
  );
const between = ($, last) =>
  seq(
    field('value', $._coalesce),
    optional('not'), 'between',
    field('low', $._coalesce), 'and', field('high', last),
  );

export default grammar({
  name: 'millstream',

  word: ($) => $.identifier,
  // In the order of `enum Token` in src/scanner.c.
  externals: ($) => [
    $.comment, $.doc_comment,
    $.integer, $.decimal, $.float, $.duration, $.timestamp,
    $.string_content, $._raw_content,
    $._template_start, $.template_content, $._template_open, $._template_close, $._template_end,
    $._left_join, $._right_join, $._full_join, $._semi_join, $._anti_join, $._side,
    '>=', '??',
    $._unexpected,
  ],
  extras: ($) => [/[ \t\r\n\f]/, $.comment, $.doc_comment],
  // Where a rule names no word, a word is still that word and no name.
  reserved: { global: () => [...RESERVED, ...NO_PATTERN_NAMES, ...CONTEXTUAL] },
  supertypes: ($) => [$.item, $.clause, $.type, $.expression, $.pattern],

  rules: {
    source_file: ($) => repeat($.item),

    // ---------- items ----------

    item: ($) =>
      choice(
        $.use_item, $.param_item, $.function_item, $.aggregate_item, $.type_item,
        $.source_item, $.table_item, $.stream_item, $.sink_item, $.test_item,
      ),

    use_item: ($) => seq('use', field('target', choice($.module_path, $._text)), optional($.use_names)),
    module_path: ($) => seq($._name, repeat(seq('.', $._member_name))),
    use_names: ($) => seq('(', list($._name), ')'),

    param_item: ($) => seq('param', field('name', $._name), ':', field('type', $.type), optional($._default)),
    function_item: ($) =>
      seq('fn', field('name', $._name), $.parameters, '->', field('result', $.type), optional($._body)),
    aggregate_item: ($) =>
      seq('aggregate', field('name', $._name), $.parameters, '->', field('result', $.type), optional($.members)),
    parameters: ($) => seq('(', list($.parameter), ')'),
    parameter: ($) => seq(field('name', $._name), ':', field('type', $.type), optional($._default)),
    _default: ($) => seq('=', field('default', $.expression)),
    _body: ($) => seq('=', field('body', $.expression)),

    members: ($) => seq('{', repeat($._member), '}'),
    _member: ($) => choice($.state_member, $.add_member, $.remove_member, $.merge_member, $.result_member),
    state_member: ($) =>
      seq('state', field('name', $._name), ':', field('type', $.type), '=', field('initial', $.expression)),
    add_member: ($) => seq('add', open($.binding)),
    remove_member: ($) => seq('remove', open($.binding)),
    merge_member: ($) => seq('merge', field('left', $._name), ',', field('right', $._name), open($.binding)),
    result_member: ($) => seq('result', field('value', $.expression)),

    type_item: ($) => seq('type', field('name', $._name), '=', field('type', $.type)),

    // ---------- sources, tables, sinks ----------

    source_item: ($) =>
      seq(
        'source', field('name', $._name), ':', field('type', $.type),
        optional($.source_key), repeat($._source_option),
      ),
    table_item: ($) =>
      seq('table', field('name', $._name), choice(
        seq(':', field('type', $.type), $.source_key, repeat($._source_option)),
        seq($.source_key, optional($.delete_when), '=', field('query', $.query)),
      )),
    stream_item: ($) => seq('stream', field('name', $._name), '=', field('query', $.query)),
    sink_item: ($) =>
      seq('sink', field('name', $._name), 'from', $._stream, 'to', $.connector, repeat($._sink_option)),

    source_key: ($) => seq('key', open($._name)),
    delete_when: ($) => seq('delete', 'when', $.expression),

    _source_option: ($) =>
      choice($.from_option, $.format_option, $.time_option, $.refresh_option, $.on_error),
    from_option: ($) => seq('from', $.connector),
    format_option: ($) => seq('format', $.connector),
    time_option: ($) => seq('time', field('column', $._name), repeat($.time_setting)),
    time_setting: ($) => seq(choice('disorder', 'idle', 'ahead'), $._quantity),
    refresh_option: ($) => seq('refresh', $._quantity),

    _sink_option: ($) => choice($.format_option, $.ordered_option, $.on_error),
    ordered_option: () => 'ordered',

    connector: ($) => seq(field('name', $._name), optional($.arguments)),

    on_error: ($) => seq('on', 'error', choice($._last_policy, $.retry_policy)),
    retry_policy: ($) => seq('retry', $._quantity, optional($.backoff), optional($._then_policy)),
    backoff: ($) => seq('backoff', $._range),
    _then_policy: ($) => seq('then', $._last_policy),
    _last_policy: ($) => choice($.fail_policy, $.sideline_policy),
    fail_policy: () => 'fail',
    sideline_policy: ($) => seq('sideline', 'to', $.connector),

    // ---------- types ----------

    type: ($) =>
      choice(
        $.named_type, $.scaled_type, $.applied_type, $.record_type, $.one_of_type,
        $.parenthesized_type, $.nullable_type,
      ),
    named_type: ($) => field('name', $._name),
    scaled_type: ($) => seq(field('name', $._name), '(', $.integer, ')'),
    applied_type: ($) => seq(field('name', $._name), '<', open($.type), '>'),
    record_type: ($) => seq('{', list($.field_definition), '}'),
    one_of_type: ($) => seq($._text, repeat(seq('|', $._text))),
    parenthesized_type: ($) => seq('(', $.type, ')'),
    nullable_type: ($) => seq($.type, '?'),

    field_definition: ($) =>
      seq(
        field('name', $._any_name), ':', field('type', $.type),
        optional($.input_name), optional($.encoding), optional($._default),
      ),
    input_name: ($) => seq('from', $._text),
    encoding: ($) => seq('as', choice(field('name', $._name), seq($._text, optional($.zone)))),
    zone: ($) => seq('in', $._text),

    // ---------- queries ----------

    query: ($) => seq(choice($.from_clause, $.match_clause), repeat($.clause)),

    from_clause: ($) => seq('from', $._stream, optional($._alias)),
    match_clause: ($) =>
      seq(
        'match', optional($.match_mode), optional($.match_by), field('pattern', $.pattern),
        optional($.without), optional($.match_bound), optional($.reuse), optional($.limit),
      ),
    _alias: ($) => seq('as', field('alias', $._name)),

    clause: ($) =>
      choice(
        $.where_clause, $.let_clause, $.select_clause, $.join_clause, $.window_clause, $.group_clause,
        $.unnest_clause, $.union_clause, $.dedupe_clause, $.changes_clause, $.top_clause, $.order_clause,
        $.throttle_clause, $.time_clause, $.emit_clause, $.on_error,
      ),
    where_clause: ($) => seq('where', field('condition', $.expression)),
    let_clause: ($) => seq('let', open($.binding)),
    select_clause: ($) => seq('select', open($._select_item)),
    join_clause: ($) =>
      seq($._join_kind, $._stream, optional($._alias), 'on', field('on', $.expression), repeat($._join_option)),
    window_clause: ($) =>
      seq(
        'window', $._window_kind,
        optional($.offset), optional($.zone), optional($.max), optional($.lateness),
        optional($.fill), optional($.by), optional($._keep),
      ),
    group_clause: ($) => seq('group', 'by', choice(open($.group_key), seq('(', ')')), optional($._group_bound)),
    unnest_clause: ($) => seq('unnest', field('list', $.expression), 'as', field('name', $._name)),
    union_clause: ($) => seq('union', open($._stream)),
    dedupe_clause: ($) =>
      seq('dedupe', $.by, choice(seq('within', $._quantity), seq('keep', 'last', optional($._keep)))),
    changes_clause: ($) => seq('changes', optional($.changes_of), $.by, optional($._keep)),
    top_clause: ($) =>
      seq('top', field('count', $._quantity), 'by', open($.order_key), optional($.per), optional($._keep)),
    order_clause: ($) => seq('order', 'by', open($.order_key)),
    throttle_clause: ($) =>
      seq('throttle', field('count', $._quantity), 'per', field('per', $._quantity), optional($.by)),
    time_clause: ($) => seq('time', field('time', $.expression), optional($.disorder)),
    emit_clause: ($) => seq('emit', choice('final', seq('every', $._quantity), seq('on', 'change'))),

    binding: ($) => seq(field('name', $._name), '=', field('value', $.expression)),
    by: ($) => seq('by', open($.expression)),
    per: ($) => seq('per', open($.expression)),
    changes_of: ($) => seq('of', open($._key)),
    disorder: ($) => seq('disorder', $._quantity),

    _select_item: ($) => choice($.select_column, $.select_star),
    select_column: ($) => seq(field('value', $.expression), optional($._alias)),
    select_star: ($) =>
      seq(optional(seq(field('of', $._postfix), '.')), '*', optional($.except), optional($.replace)),
    except: ($) => seq('except', '(', list($._name), ')'),
    replace: ($) => seq('replace', '(', list($.replacement), ')'),
    replacement: ($) => seq(field('value', $.expression), 'as', field('name', $._name)),

    _join_kind: ($) =>
      choice(
        'join',
        alias($._left_join, 'left join'),
        alias($._right_join, 'right join'),
        alias($._full_join, 'full join'),
        alias($._semi_join, 'semi join'),
        alias($._anti_join, 'anti join'),
      ),
    _join_option: ($) => choice($.join_within, $.join_as_of, $.forever),
    join_within: ($) => seq('within', $._range),
    join_as_of: ($) => seq('as', 'of', $.expression),
    forever: () => 'forever',

    _window_kind: ($) =>
      choice(
        seq('tumbling', choice($._size, $.calendar_unit)),
        seq('hopping', $._size, 'every', $._size),
        seq('cumulative', $._quantity, 'every', $._quantity),
        seq('session', $._quantity),
        seq('sliding', $._size),
        'running',
      ),
    _size: ($) => seq($._quantity, optional('rows')),
    calendar_unit: () => choice('hour', 'day', 'week', 'month', 'quarter', 'year'),
    offset: ($) => seq('offset', $._signed_quantity),
    max: ($) => seq('max', $._quantity),
    lateness: ($) => seq('lateness', $._quantity),
    fill: ($) => seq('fill', choice($._fill_value, seq('(', list($.fill_field), ')')), 'for', $._quantity),
    fill_field: ($) => seq(field('name', $._any_name), ':', field('value', $._fill_value)),
    _fill_value: ($) =>
      choice('previous', $._literal, $.list, alias($._negative_literal, $.unary_expression)),
    _negative_literal: ($) => seq(field('operator', '-'), field('operand', $._literal)),

    _keep: ($) => choice($.expire, $.forever),
    expire: ($) => seq('expire', $._quantity),
    _group_bound: ($) => choice($._keep, $.until),
    until: ($) => seq('until', $.expression),
    group_key: ($) => seq(field('value', $.expression), optional($._alias)),
    order_key: ($) => seq(field('value', $.expression), optional(choice('asc', 'desc'))),

    _stream: ($) => choice(alias($._stream_name, $.stream_name), $.side_stream),
    // In a pattern, where words such as `within` follow.
    _pattern_stream: ($) => choice(alias($._pattern_stream_name, $.stream_name), $.side_stream),
    _stream_name: ($) => $._name,
    _pattern_stream_name: ($) => $._pattern_name,
    side_stream: ($) => seq(choice('late', 'errors'), '(', alias($._stream_name, $.stream_name), ')'),

    // ---------- sizes and keys ----------

    // What may be followed by a word or a parenthesis that belongs to the clause.
    _quantity: ($) => choice($.duration, $.integer, $._plain_name, $.parenthesized_expression),
    _signed_quantity: ($) => choice($._quantity, alias($._negative_quantity, $.unary_expression)),
    _negative_quantity: ($) => seq(field('operator', '-'), field('operand', $._quantity)),
    _range: ($) => choice($._quantity, $.range),
    range: ($) => seq(field('low', $._signed_quantity), '..', field('high', $._signed_quantity)),
    _key: ($) => choice($._key_path, $.key_list),
    key_list: ($) => seq('(', open($.expression), ')'),
    _key_path: ($) => choice($._pattern_name, alias($._key_member, $.member_expression)),
    _key_member: ($) => seq(field('of', $._key_path), '.', field('name', $._member_name)),

    // ---------- patterns ----------

    match_mode: ($) =>
      choice('overlapping', 'all', seq('once', choice(seq('per', $._quantity), 'forever'))),
    match_by: ($) => seq('by', open($._key)),
    without: ($) => seq('without', $._absence),
    match_bound: ($) => choice(seq('within', $._quantity, optional(seq('or', 'timeout'))), 'forever'),
    reuse: ($) => seq('reuse', open($._name)),
    limit: ($) => seq('limit', $._quantity),

    pattern: ($) => choice($._pattern_step, $.sequence_pattern),
    sequence_pattern: ($) => seq($._pattern_step, repeat1($.pattern_link)),
    pattern_link: ($) =>
      seq(choice(seq('then', optional(seq('within', $._quantity))), 'next'), $._pattern_step),
    _pattern_step: ($) => choice($._pattern_atom, $.repeat_pattern, $.absent_pattern),
    repeat_pattern: ($) => seq($._pattern_atom, $.quantifier, repeat(choice('adjacent', 'greedy'))),
    absent_pattern: ($) => seq('not', $._absence, optional($.pattern_timer)),
    pattern_timer: ($) => seq('for', $._quantity, optional($.max)),
    quantifier: ($) =>
      choice(
        '+', '*', '?',
        seq('{', $._count, '}'),
        seq('{', $._count, ',', optional($._count), '}'),
      ),
    _count: ($) => choice($.integer, $._plain_name, $.parenthesized_expression),
    _pattern_atom: ($) => choice($.event, $.group_pattern, $.all_pattern, $.any_pattern),
    group_pattern: ($) => seq('(', $.pattern, ')'),
    all_pattern: ($) => seq('(', $.pattern, repeat1(seq('and', $.pattern)), ')'),
    any_pattern: ($) => seq('(', $.pattern, repeat1(seq('or', $.pattern)), ')'),
    event: ($) =>
      seq(
        optional(seq(field('variable', $._pattern_name), ':')),
        field('stream', $._pattern_stream),
        optional($.event_condition),
      ),
    event_condition: ($) => seq('[', $.expression, ']'),
    _absence: ($) => choice($.event, $.any_event),
    any_event: ($) => seq('(', $.event, repeat1(seq('or', $.event)), ')'),

    // ---------- tests ----------

    test_item: ($) => seq('test', field('name', $._text), '{', repeat($._test_step), '}'),
    _test_step: ($) => choice($.given_step, $.advance_step, $.expect_step),
    given_step: ($) => seq('given', $._stream, choice($.rows, seq('from', field('file', $._text)))),
    advance_step: ($) => seq('advance', 'to', field('to', $.expression)),
    expect_step: ($) =>
      seq('expect', $._stream, choice(
        seq(optional(choice('unordered', 'contains')), $.rows),
        'empty',
        seq('count', $.integer),
      )),
    rows: ($) => seq('[', list($.expression), ']'),

    // ---------- expressions ----------

    expression: ($) => choice($._or, $._or_if),
    ...tier('or', 'and', 'or'),
    ...tier('and', 'not', 'and'),
    _not: ($) => choice($._comparison, alias($._not_unary, $.unary_expression)),
    _not_unary: ($) => seq(field('operator', 'not'), field('operand', $._not)),
    _not_if: ($) => choice($._comparison_if, alias($._not_if_unary, $.unary_expression)),
    _not_if_unary: ($) => seq(field('operator', 'not'), field('operand', $._not_if)),

    _comparison: ($) =>
      choice(
        $._coalesce,
        alias($._comparison_binary, $.binary_expression),
        alias($._between, $.between_expression),
        $.null_expression,
      ),
    _comparison_if: ($) =>
      choice(
        $._coalesce_if,
        alias($._comparison_if_binary, $.binary_expression),
        alias($._between_if, $.between_expression),
      ),
    _comparison_binary: ($) => comparison($, $._coalesce),
    _comparison_if_binary: ($) => comparison($, $._coalesce_if),
    _between: ($) => between($, $._coalesce),
    _between_if: ($) => between($, $._coalesce_if),
    null_expression: ($) => seq(field('value', $._coalesce), 'is', optional('not'), 'null'),
    _test_operator: () => seq(optional('not'), choice('in', 'like', 'matches')),

    ...tier('coalesce', 'concat', '??'),
    ...tier('concat', 'sum', '++'),
    ...tier('sum', 'product', choice('+', '-')),
    ...tier('product', 'prefix', choice('*', '/', '%')),

    _prefix: ($) =>
      choice($._postfix, alias($._prefix_unary, $.unary_expression), $.relative_time),
    _prefix_unary: ($) => seq(field('operator', '-'), field('operand', $._prefix)),
    // A time relative to the start of a test.
    relative_time: ($) => seq('+', $.duration),
    _prefix_if: ($) => choice(alias($._prefix_if_unary, $.unary_expression), $.if_expression),
    _prefix_if_unary: ($) => seq(field('operator', '-'), field('operand', $._prefix_if)),
    if_expression: ($) =>
      seq(
        'if', field('condition', $.expression),
        'then', field('then', $.expression),
        'else', field('else', $.expression),
      ),

    _postfix: ($) =>
      choice($._primary, $.call_expression, $.filter_expression, $.member_expression, $.index_expression),
    call_expression: ($) =>
      seq(field('function', $._name), choice($.arguments, alias($._distinct_arguments, $.arguments))),
    arguments: ($) => seq('(', list($._argument), ')'),
    _distinct_arguments: ($) => seq('(', 'distinct', open($._argument), optional(','), ')'),
    _argument: ($) => choice($.expression, $.named_argument),
    named_argument: ($) => seq(field('name', $._any_name), ':', field('value', $.expression)),
    filter_expression: ($) =>
      seq(field('call', $.call_expression), 'filter', '(', 'where', field('condition', $.expression), ')'),
    member_expression: ($) => seq(field('of', $._postfix), '.', field('name', $._member_name)),
    index_expression: ($) => seq(field('of', $._postfix), '[', field('index', $.expression), ']'),

    _primary: ($) =>
      choice(
        $._name, $._literal, $.list, $.parenthesized_expression, $.comprehension, $.template_string, $.record,
      ),
    parenthesized_expression: ($) => seq('(', $.expression, ')'),
    list: ($) => seq('[', list($.expression), ']'),
    comprehension: ($) =>
      seq(
        '[', field('element', $.expression),
        'for', field('variable', $._name), 'in', field('list', $.expression),
        optional(seq('if', field('condition', $.expression))), ']',
      ),
    record: ($) => seq('{', list($.record_field), '}'),
    record_field: ($) => seq(field('name', $._any_name), ':', field('value', $.expression)),

    // ---------- literals ----------

    _literal: ($) =>
      choice(
        $.integer, $.duration, $.decimal, $.float, $._text, $.timestamp,
        alias(choice('true', 'false'), $.boolean), alias('null', $.null),
      ),
    _text: ($) => choice($.string, $.raw_string),
    string: ($) =>
      seq('"', repeat(choice($.string_content, $.escape_sequence)), token.immediate('"')),
    escape_sequence: () => token.immediate(/\\([ntr0\\"]|u\{[0-9A-Fa-f]{1,6}\})/),
    raw_string: ($) =>
      seq('r"', optional(alias($._raw_content, $.string_content)), token.immediate('"')),
    template_string: ($) =>
      seq(
        alias($._template_start, 'f"'),
        repeat(choice($.template_content, $.escape_sequence, $.interpolation)),
        alias($._template_end, '"'),
      ),
    interpolation: ($) =>
      seq(alias($._template_open, '{'), $.expression, alias($._template_close, '}')),

    // ---------- names ----------

    identifier: () => /[A-Za-z_][A-Za-z0-9_]*/,
    quoted_name: () => /`[^`\r\n]+`/,
    _plain_name: ($) => choice($.identifier, alias($.quoted_name, $.identifier)),
    // The name of a stream or of a variable in a pattern.
    _pattern_name: ($) => choice($._plain_name, ...names($, CONTEXTUAL)),
    // Wherever a name fits, every word fits that is not reserved.
    _name: ($) => choice($._pattern_name, ...names($, NO_PATTERN_NAMES)),
    // After a `.` and before a `:` reserved words are names too.
    _any_name: ($) => choice($._name, ...names($, RESERVED)),
    // After a `.` a side in front of `join` is the name of a field.
    _member_name: ($) => choice($._any_name, alias($._side, $.identifier)),
  },
});
