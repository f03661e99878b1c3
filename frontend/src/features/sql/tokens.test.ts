import { StringStream } from "@codemirror/language";
import { nextToken, outside } from "./tokens";

/** `word:kind` for everything that is coloured, over several lines. */
function read(text: string, mysql = false): string[] {
  const state = outside();
  const found: string[] = [];
  for (const line of text.split("\n")) {
    const stream = new StringStream(line, 2, 2);
    while (!stream.eol()) {
      stream.start = stream.pos;
      const kind = nextToken(stream, state, mysql);
      if (kind) found.push(`${stream.current()}:${kind}`);
    }
  }
  return found;
}

test.each([
  ["ALTER TABLE orders ADD n int", ["ALTER:keyword", "TABLE:keyword", "ADD:keyword", "int:typeName"]],
  ["SELECT 1.5e3, 'it''s'", ["SELECT:keyword", "1.5e3:number", "'it''s':string"]],
  ["-- note SELECT", ["-- note SELECT:comment"]],
  ["/* a /* b */ c */ 1", ["/* a /* b */ c */:comment", "1:number"]],
  ["/* a\nb */ 1", ["/* a:comment", "b */:comment", "1:number"]],
  ["DO $x$ BEGIN\n'$$' $x$ 1", ["DO:keyword", "$x$ BEGIN:string", "'$$' $x$:string", "1:number"]],
  ['"select" `from` a1', []],
  ["E'a\\'b' 1", ["E'a\\'b':string", "1:number"]],
  ["'a\nb' 1", ["'a:string", "b':string", "1:number"]],
  ["$1 + 1", ["1:number", "1:number"]],
])("%j", (text, tokens) => {
  expect(read(text)).toEqual(tokens);
});

test("MySQL's own comments and escapes", () => {
  expect(read("# note\n'a\\'b' /* /* */ 1", true)).toEqual([
    "# note:comment",
    "'a\\'b':string",
    "/* /* */:comment",
    "1:number",
  ]);
});
