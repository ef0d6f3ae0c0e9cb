// The page that shows the dataflow of a program.

export type Graph = { svg: string } | { error: string };

/** A page that loads nothing and runs nothing. */
export function page(title: string, graph: Graph): string {
  const body = "svg" in graph ? drawing(graph.svg) : `<pre>${escape(graph.error)}</pre>`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(title)}</title>
<style>
  body { padding: 1rem; }
  .drawing { background: white; display: inline-block; padding: 1rem; border-radius: 4px; }
  pre { white-space: pre-wrap; }
</style>
</head>
<body>${body}</body>
</html>`;
}

/** The picture without what stands before it in a file of its own. */
function drawing(svg: string): string {
  const start = svg.indexOf("<svg");
  return start < 0 ? "<pre>There is no picture.</pre>" : `<div class="drawing">${svg.slice(start)}</div>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
