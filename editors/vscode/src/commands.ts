// What the commands of the editor say on the command line of `millstream`. Nothing here knows the editor.

/** What the code lenses of the language server name: an item of a program. */
export interface Target {
  uri: string;
  name: string;
}

export function run(file: string): string[] {
  return ["run", file];
}

/** All tests of a program, or the one that a lens stands above. */
export function test(file: string, name?: string): string[] {
  return name === undefined ? ["test", file] : ["test", file, "--exact", `--filter=${name}`];
}

/** The first rows of a stream, or of all. */
export function preview(file: string, stream?: string): string[] {
  return stream === undefined ? ["preview", file] : ["preview", file, stream];
}

export function graph(file: string): string[] {
  return ["graph", file, "--svg", "-"];
}

export function server(): string[] {
  return ["lsp"];
}

export function isTarget(value: unknown): value is Target {
  const target = value as Target | null;
  return typeof target?.uri === "string" && typeof target.name === "string";
}
