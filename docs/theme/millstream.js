// How the book shows programs, sessions, rows and grammar: colours by highlight.js, and above a block what it is.
// tests/book.rs holds that the words below are those of the language.
"use strict";

(() => {
  const reserved =
    "and or not if then else true false null distinct where select let join unnest union dedupe throttle emit";
  const contextual =
    "add adjacent advance aggregate ahead all as asc backoff between by change changes contains count cumulative " +
    "day delete desc disorder empty error errors every except expect expire fail fill filter final fn for forever " +
    "format from given greedy group hopping hour idle in is keep key last late lateness like limit match matches " +
    "max merge month next of offset on once order ordered overlapping param per previous quarter refresh remove " +
    "replace result retry reuse rows running session sideline sink sliding source state stream table test time " +
    "timeout to top tumbling type unordered until use week when window within without year";
  const sides = "left right full semi anti";
  const types = "bool int float decimal string bytes timestamp duration json list map secret";
  const alternatives = (words) => words.split(" ").join("|");

  hljs.registerLanguage("stream", () => {
    const escape = { className: "subst", begin: /\\(?:u\{[0-9A-Fa-f]*\}|.)/ };
    const value = { className: "subst", begin: /\{(?!\{)/, end: /\}|$/, contains: [] };
    const modes = [
      { className: "comment", begin: /--/, end: /$/ },
      { className: "string", begin: /\br"/, end: /"|$/ },
      { className: "string", begin: /\bf"/, end: /"|$/, contains: [escape, { begin: /\{\{/ }, value] },
      { className: "string", begin: /"/, end: /"|$/, contains: [escape] },
      { begin: /`[^`\n]*`/ },
      { className: "number", begin: /@\d[\d-]*(?:T[\d:.]+(?:Z|[+-][\d:]+)?)?/ },
      { className: "number", begin: /\b\d[\d_]*(?:(?:us|ms|[smhdw])(?:\d+(?:us|ms|[smhdw]))*|(?:\.\d+)?(?:[eE][+-]?\d+)?)\b/ },
      // Behind a dot and in front of a colon every word is a name.
      { begin: /\.\s*[A-Za-z_]\w*/ },
      { className: "attr", begin: /\b[A-Za-z_]\w*(?=\s*:)/ },
      { className: "type", begin: new RegExp(`\\b(?:${alternatives(types)})\\b(?=\\s*[?,}=<)(]|\\s*$|\\s+(?:from|as|key|in)\\b)`) },
      // So is every word that is called, but for these.
      { className: "built_in", begin: new RegExp(`\\b(?!(?:${alternatives(reserved)}|late|errors)\\b)[A-Za-z_]\\w*(?=\\()`) },
      { className: "literal", begin: /\b(?:true|false|null)\b/ },
      { className: "keyword", begin: new RegExp(`\\b(?:(?:${alternatives(sides)})(?=\\s+join\\b)|(?:${alternatives(`${reserved} ${contextual}`)})\\b)`) },
      { begin: /\b[A-Za-z_]\w*/ },
    ];
    value.contains = modes;
    return { name: "Millstream", contains: modes };
  });

  hljs.registerLanguage("repl", () => ({
    name: "A session of the REPL",
    contains: [{ className: "meta", begin: /^> /, starts: { end: /$/, subLanguage: ["stream"] } }],
  }));

  hljs.registerLanguage("ebnf", () => ({
    name: "Grammar",
    contains: [
      { className: "string", begin: /"/, end: /"/ },
      { className: "attr", begin: /^[a-z_]+(?= =)/ },
    ],
  }));

  // What stands behind the first word of a block, and how it is coloured. JSON is what rows are written in.
  const kinds = {
    input: { caption: (of) => of, language: (of) => ({ ndjson: "json", stream: "stream" })[of.split(".").pop()] ?? "plaintext" },
    output: { caption: (of) => (/\.stream$/.test(of) ? "what it prints" : `rows of ${of}`), language: () => "json" },
    changes: { caption: (of) => `changes of ${of}`, language: () => "json" },
    run: { caption: () => "what it prints", language: () => "json" },
    explain: { caption: (of) => `what explain says of ${of}`, language: () => "plaintext", isProse: true },
    why: { caption: (of) => `millstream why ${of}`, language: () => "plaintext" },
    infer: { caption: (of) => `millstream infer ${of}`, language: () => "stream" },
    preview: { caption: (of) => `millstream preview ${of}`, language: () => "plaintext" },
    failed: { caption: () => "what millstream test says", language: () => "plaintext" },
    error: { caption: () => "what check says", language: () => "plaintext", isProse: true },
    graph: { caption: () => "millstream graph", language: () => "plaintext" },
    nfa: { caption: () => "millstream emit nfa", language: () => "plaintext" },
    stream: { caption: (of) => of, language: () => "stream" },
    repl: { caption: () => "", language: () => "repl" },
    ebnf: { caption: () => "", language: () => "ebnf" },
  };

  for (const block of document.querySelectorAll("pre > code[class*='language-']")) {
    const [, word, of] = /language-(\S+)\s*(.*?)\s*(?:hljs)?$/.exec(block.className) ?? [];
    const kind = kinds[word];
    if (!kind) continue;
    const caption = kind.caption(of);
    block.className = `language-${kind.language(of)}`;
    hljs.highlightBlock(block);
    block.classList.add("hljs");
    block.parentElement.classList.toggle("prose", kind.isProse ?? false);
    if (caption) {
      const shown = document.createElement("div");
      shown.className = "caption";
      shown.textContent = caption;
      block.parentElement.before(shown);
    }
  }
})();
