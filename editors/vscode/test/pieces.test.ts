// What the commands are made of.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as commands from "../src/commands";
import { page } from "../src/graph";
import { streamAt } from "../src/program";

test("the stream at the cursor is the one whose definition it stands in", () => {
  const program = ["type T = { id: int }", "", "stream `a b` =", "  from s", "  where x", "", "sink o from s to stdout"];
  const found = program.map((_, line) => streamAt(program, line));
  assert.deepEqual(found, [undefined, undefined, "a b", "a b", "a b", "a b", undefined]);
  assert.equal(streamAt(program, 100), undefined);
  assert.equal(streamAt([], 0), undefined);
  // A clause may begin with a word that also begins items.
  assert.equal(streamAt(["stream a = from s", "  select", "    type, stream"], 2), "a");
});

test("arguments stand alone, whatever is in them", () => {
  const late = ["test", "a b.stream", "--exact", '--filter=it\'s "late"'];
  assert.deepEqual(commands.test("a b.stream", 'it\'s "late"'), late);
  assert.deepEqual(commands.preview("p.stream"), ["preview", "p.stream"]);
  assert.deepEqual(commands.preview("p.stream", "a b"), ["preview", "p.stream", "a b"]);
  assert(commands.isTarget({ uri: "file:///p.stream", name: "s" }));
  for (const other of [undefined, null, 1, {}, { uri: 1, name: "s" }]) assert(!commands.isTarget(other));
});

test("the page of a graph holds the picture and runs nothing", () => {
  const shown = page("p.stream", { svg: '<?xml version="1.0"?>\n<svg><text>s</text></svg>' });
  assert(shown.includes('<div class="drawing"><svg><text>s</text></svg></div>'));
  assert(shown.includes("default-src 'none'"));
  assert(!shown.includes("<?xml"));
  assert(page("<p>", { error: "a <b> & c" }).includes("<pre>a &lt;b&gt; &amp; c</pre>"));
});

test("each command of the manifest is registered, and each has a place", () => {
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  const code = readFileSync("src/extension.ts", "utf8");
  for (const { command } of manifest.contributes.commands) {
    assert(code.includes(`on("${command.replace("millstream.", "")}",`), command);
  }
  for (const setting of Object.keys(manifest.contributes.configuration.properties)) {
    const name = setting.replace("millstream.", "");
    // The last is read by the client itself.
    assert(code.includes(`.get("${name}"`) || name === "trace.server", setting);
  }
});
