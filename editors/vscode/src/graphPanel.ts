// A panel beside the program that shows its dataflow, anew whenever the program is saved.

import { execFile } from "node:child_process";
import { basename, dirname } from "node:path";
import * as vscode from "vscode";
import * as commands from "./commands";
import { type Graph, page } from "./graph";

const panels = new Map<string, vscode.WebviewPanel>();

export async function show(document: vscode.TextDocument, binary: string): Promise<void> {
  const file = document.fileName;
  const title = `${basename(file)}: dataflow`;
  const known = panels.get(file);
  const panel = known ?? vscode.window.createWebviewPanel("millstream.graph", title, vscode.ViewColumn.Beside, {});
  const draw = async () => {
    const graph = await graphOf(binary, file);
    panel.webview.html = page(title, graph);
  };
  if (known) {
    known.reveal();
  } else {
    panels.set(file, panel);
    const saves = vscode.workspace.onDidSaveTextDocument((saved) => saved.fileName === file && void draw());
    panel.onDidDispose(() => {
      panels.delete(file);
      saves.dispose();
    });
  }
  await draw();
}

function graphOf(binary: string, file: string): Promise<Graph> {
  const options = { cwd: dirname(file), maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(binary, commands.graph(file), options, (error, stdout, stderr) => {
      resolve(error ? { error: stderr || error.message } : { svg: stdout });
    });
  });
}
