// Starts the language server and registers the commands.

import { execFile } from "node:child_process";
import { dirname } from "node:path";
import * as vscode from "vscode";
import { LanguageClient } from "vscode-languageclient/node";
import * as commands from "./commands";
import * as graphPanel from "./graphPanel";
import { streamAt } from "./program";

let client: LanguageClient | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const on = (name: string, action: (argument?: unknown) => unknown) =>
    context.subscriptions.push(vscode.commands.registerCommand(`millstream.${name}`, action));

  on("run", () => withProgram((program) => execute("run", program.fileName, commands.run(program.fileName))));
  on("runTests", () => withProgram((program) => execute("test", program.fileName, commands.test(program.fileName))));
  on("previewStream", () => withProgram((program, line) => preview(program.fileName, streamAt(lines(program), line))));
  on("showGraph", () => withProgram((program) => graphPanel.show(program, binary())));
  on("restartServer", restartServer);
  // What the lenses of the server call.
  on("runTest", (target) => withTarget(target, (file, name) => execute("test", file, commands.test(file, name))));
  on("preview", (target) => withTarget(target, preview));

  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("millstream.path")) void restartServer();
    }),
  );
  await startServer();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

function binary(): string {
  return vscode.workspace.getConfiguration("millstream").get("path", "millstream");
}

async function startServer(): Promise<void> {
  const command = binary();
  const reason = await refusal(command);
  if (reason !== undefined) {
    const choice = await vscode.window.showErrorMessage(`There is no language server: ${reason}`, "Set the path");
    if (choice) await vscode.commands.executeCommand("workbench.action.openSettings", "millstream.path");
    return;
  }
  client = new LanguageClient("millstream", "Millstream", { command, args: commands.server() }, {
    documentSelector: [{ language: "millstream" }],
  });
  await client.start();
}

/** Why the command does not start, if it does not. */
function refusal(command: string): Promise<string | undefined> {
  return new Promise((resolve) => execFile(command, ["--version"], (error) => resolve(error?.message)));
}

async function restartServer(): Promise<void> {
  await client?.stop();
  client = undefined;
  await startServer();
}

function lines(program: vscode.TextDocument): string[] {
  return program.getText().split(/\r?\n/);
}

/** Saves the program in the editor, as the commands read files, and goes on with it and the cursor's line. */
async function withProgram(action: (program: vscode.TextDocument, line: number) => unknown): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.languageId !== "millstream") {
    await vscode.window.showInformationMessage("Open a Millstream program first.");
  } else if (!editor.document.isDirty || (await editor.document.save())) {
    await action(editor.document, editor.selection.active.line);
  }
}

async function withTarget(target: unknown, action: (file: string, name: string) => unknown): Promise<void> {
  if (!commands.isTarget(target)) return;
  const program = await vscode.workspace.openTextDocument(vscode.Uri.parse(target.uri));
  if (!program.isDirty || (await program.save())) await action(program.fileName, target.name);
}

function preview(file: string, stream?: string): Thenable<unknown> {
  return execute("preview", file, commands.preview(file, stream));
}

/** Runs the command as a task: in a terminal, without a shell, stopped as any task is. */
function execute(kind: string, file: string, args: string[]): Thenable<unknown> {
  const execution = new vscode.ProcessExecution(binary(), args, { cwd: dirname(file) });
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file)) ?? vscode.TaskScope.Global;
  const task = new vscode.Task({ type: "millstream", kind }, folder, `${kind} ${file}`, "millstream", execution);
  task.presentationOptions = { clear: true, reveal: vscode.TaskRevealKind.Always };
  return vscode.tasks.executeTask(task);
}
