// The colors of programs, by the library that the editor uses. `UPDATE=1 npm test` fills in tokens.txt: read it.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import * as oniguruma from "vscode-oniguruma";
import * as textmate from "vscode-textmate";

const require = createRequire(__filename);
const SYNTAX = "syntaxes/millstream.tmLanguage.json";

async function grammar(): Promise<textmate.IGrammar> {
  await oniguruma.loadWASM(readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(readFileSync(SYNTAX, "utf8"), SYNTAX),
  });
  const loaded = await registry.loadGrammar("source.millstream");
  assert(loaded);
  return loaded;
}

const loaded = grammar();

interface Piece {
  text: string;
  /** The innermost scope, without the name of the language. */
  scope: string;
}

async function pieces(program: string): Promise<Piece[][]> {
  const tokens = await loaded;
  let state = textmate.INITIAL;
  return program.split("\n").map((line) => {
    const result = tokens.tokenizeLine(line, state);
    state = result.ruleStack;
    return result.tokens
      .map(({ startIndex, endIndex, scopes }) => ({
        text: line.slice(startIndex, endIndex),
        scope: scopes.at(-1)?.replace(/\.millstream$/, "") ?? "",
      }))
      .filter(({ text }) => text.trim() !== "");
  });
}

async function scopeOf(line: string, text: string): Promise<string | undefined> {
  return (await pieces(line))[0].find((piece) => piece.text.trim() === text)?.scope;
}

test("a program has the colors of tokens.txt", async () => {
  const program = readFileSync("test/program.stream", "utf8");
  const shown = (await pieces(program))
    .flatMap((line) => line.map(({ text, scope }) => `${scope.padEnd(44)} ${text.trim()}`))
    .join("\n");
  if (process.env.UPDATE) writeFileSync("test/tokens.txt", `${shown}\n`);
  assert.equal(`${shown}\n`, readFileSync("test/tokens.txt", "utf8"));
});

test("every word of the language is colored as one, and as a name where it must be one", async () => {
  const editors = "../../grammar/tree-sitter-millstream/src/grammar.json";
  const words: string[] = JSON.parse(readFileSync(editors, "utf8")).reserved.global.map(
    (word: { value: string }) => word.value,
  );
  assert(words.length > 100);
  for (const word of words) {
    assert.match((await scopeOf(`  ${word} x`, word)) ?? "", /^(keyword|constant\.language)/, word);
    assert.equal(await scopeOf(`  x.${word}`, word), "variable.other.property", word);
    assert.equal(await scopeOf(`  ${word}.x`, word), "variable.other", word);
    assert.equal(await scopeOf(`  { ${word}: 1 }`, word), "variable.other.property", word);
    assert.equal(await scopeOf(`  \`${word}\``, `\`${word}\``), "variable.other", word);
  }
});

test("text that is not closed ends with its line", async () => {
  for (const open of ['"a', 'f"a', 'f"a {b', 'f"{ {x: "y', 'r"a', "matches r\"a"]) {
    const lines = await pieces(`  ${open}\nwhere`);
    assert.deepEqual(lines[1], [{ text: "where", scope: "keyword.control.clause" }], open);
  }
});

test("comments do not begin in text, nor text in comments", async () => {
  assert.equal(await scopeOf('"a -- b"', "a -- b"), "string.quoted.double");
  assert.equal(await scopeOf('-- "a', '-- "a'), "comment.line.double-dash");
  assert.equal(await scopeOf("--- a", "--- a"), "comment.line.documentation");
  assert.equal(await scopeOf("---- a", "---- a"), "comment.line.double-dash");
});
