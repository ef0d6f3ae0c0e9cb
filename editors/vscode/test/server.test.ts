// The pieces of the extension against the real command, where it is built: `MILLSTREAM` names it, or cargo's folder has it.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import * as rpc from "vscode-jsonrpc/node";
import * as commands from "../src/commands";
import { page } from "../src/graph";

const BUILT = ["release", "debug"].map((profile) => resolve(`../../target/${profile}/millstream`));
const binary = process.env.MILLSTREAM ?? BUILT.find(existsSync) ?? "";

/** Why a test of this command can't be run, if it can't. */
function lacks(command: string): string | false {
  if (binary === "") return "millstream is not built";
  const has = spawnSync(binary, [command, "--help"]).status === 0;
  return !has && `${binary} has no command ${command}`;
}

const PROGRAM = `source s: { id: int, at: timestamp as epoch_s } from file("s.csv") format csv time at
stream all_of =
  from s
  where id > 1
sink out from all_of to stdout format json
test "one of 'two'" {
  given s [{ id: 1, at: +0s }, { id: 2, at: +1s }]
  expect all_of [{ id: 2 }]
}
`;

/** A folder with the program and its data, gone after the test. */
function folder(t: TestContext): { file: string; uri: string } {
  const path = mkdtempSync(join(tmpdir(), "millstream editor "));
  t.after(() => rmSync(path, { recursive: true }));
  const file = join(path, "a program.stream");
  writeFileSync(file, PROGRAM);
  writeFileSync(join(path, "s.csv"), "id,at\n1,0\n2,1\n3,2\n");
  return { file, uri: pathToFileURL(file).href };
}

function ran(file: string, args: string[]): { status: number | null; stdout: string } {
  const { status, stdout, stderr } = spawnSync(binary, args, { cwd: resolve(file, ".."), encoding: "utf8" });
  assert.equal(status, 0, `${args.join(" ")}\n${stdout}${stderr}`);
  return { status, stdout };
}

/** What the server says to what an editor does with the program. */
class Editor {
  private readonly process: ChildProcess;
  private readonly connection: rpc.MessageConnection;
  private readonly published: { diagnostics: { code?: unknown }[] }[] = [];
  private heard = () => {};

  constructor() {
    this.process = spawn(binary, commands.server());
    const { stdout, stdin } = this.process;
    assert(stdout && stdin);
    this.connection = rpc.createMessageConnection(stdout, stdin);
    this.connection.onNotification("textDocument/publishDiagnostics", (params) => {
      this.published.push(params);
      this.heard();
    });
    this.connection.onRequest("client/registerCapability", () => null);
    this.connection.listen();
  }

  async open(uri: string, text: string): Promise<void> {
    await this.connection.sendRequest("initialize", { processId: process.pid, rootUri: null, capabilities: {} });
    await this.connection.sendNotification("initialized", {});
    const textDocument = { uri, languageId: "millstream", version: 1, text };
    await this.connection.sendNotification("textDocument/didOpen", { textDocument });
  }

  /** The codes of the next findings that are published. */
  async codes(): Promise<unknown[]> {
    while (this.published.length === 0) await new Promise<void>((resolve) => (this.heard = resolve));
    return this.published.shift()?.diagnostics.map(({ code }) => code) ?? [];
  }

  change(uri: string, text: string): Promise<void> {
    const params = { textDocument: { uri, version: 2 }, contentChanges: [{ text }] };
    return this.connection.sendNotification("textDocument/didChange", params);
  }

  lenses(uri: string): Promise<{ command: { command: string; arguments: unknown[] } }[]> {
    return this.connection.sendRequest("textDocument/codeLens", { textDocument: { uri } });
  }

  async close(): Promise<void> {
    await this.connection.sendRequest("shutdown");
    await this.connection.sendNotification("exit");
    this.connection.dispose();
    this.process.kill();
  }
}

test("the server that is started finds what is wrong as it is typed", { skip: lacks("lsp") }, async (t) => {
  const { uri } = folder(t);
  const editor = new Editor();
  t.after(() => editor.close());
  await editor.open(uri, PROGRAM.replace("id > 1", "ident > 1"));
  assert.deepEqual(await editor.codes(), ["E0201"]);
  await editor.change(uri, PROGRAM);
  assert.deepEqual(await editor.codes(), []);
});

test("what the lenses of the server call is there, and runs", { skip: lacks("lsp") }, async (t) => {
  const { file, uri } = folder(t);
  const editor = new Editor();
  t.after(() => editor.close());
  await editor.open(uri, PROGRAM);
  const lenses = (await editor.lenses(uri)).map(({ command }) => command);
  const extension = readFileSync("src/extension.ts", "utf8");
  for (const { command, arguments: given } of lenses) {
    assert(extension.includes(`on("${command.replace("millstream.", "")}",`), command);
    assert(commands.isTarget(given[0]), command);
  }
  const target = lenses.find(({ command }) => command === "millstream.runTest")?.arguments[0];
  assert(commands.isTarget(target));
  assert.equal(target.name, "one of 'two'");
  assert.match(ran(file, commands.test(file, target.name)).stdout, /1 passed/);
});

test("a program runs from its own folder", { skip: lacks("run") }, (t) => {
  const { file } = folder(t);
  assert.match(ran(file, commands.run(file)).stdout, /"id":3/);
  assert.match(ran(file, commands.test(file)).stdout, /1 passed/);
});

test("a preview shows rows of a stream", { skip: lacks("preview") }, (t) => {
  const { file } = folder(t);
  assert.match(ran(file, commands.preview(file, "all_of")).stdout, /all_of/);
});

test("a graph is a picture for the panel", { skip: lacks("graph") }, (t) => {
  const { file } = folder(t);
  assert.match(page("graph", { svg: ran(file, commands.graph(file)).stdout }), /<svg[^]*all_of[^]*<\/svg>/);
});
