/** Colouring SQL: tells strings, comments, numbers and words apart, of PostgreSQL and of MySQL. It judges nothing. */
import type { StringStream } from "@codemirror/language";
import { KEYWORDS, TYPES } from "./words";

/** What a line begins inside of: a comment (nested in PostgreSQL), a string, or a dollar-quoted body. */
export type Inside = { comment: number; string: string | null };
export type Token = "comment" | "string" | "number" | "keyword" | "typeName" | null;

type Stream = StringStream;

export const outside = (): Inside => ({ comment: 0, string: null });

function comment(stream: Stream, state: Inside, nests: boolean): Token {
  for (let ch = stream.next(); ch; ch = stream.next()) {
    if (ch === "*" && stream.peek() === "/") {
      stream.next();
      state.comment -= 1;
      if (state.comment === 0) break;
    } else if (nests && ch === "/" && stream.peek() === "*") {
      stream.next();
      state.comment += 1;
    }
  }
  return "comment";
}

function string(stream: Stream, state: Inside, backslash: boolean): Token {
  const end = state.string ?? "'";
  if (end.startsWith("$")) {
    const pattern = new RegExp(`.*?${end.replaceAll("$", "\\$")}`);
    if (stream.match(pattern)) state.string = null;
    else stream.skipToEnd();
    return "string";
  }
  for (let ch = stream.next(); ch; ch = stream.next()) {
    if (ch === "\\" && backslash) stream.next();
    else if (ch === end) {
      if (stream.peek() === end) stream.next();
      else {
        state.string = null;
        break;
      }
    }
  }
  return "string";
}

/** The next token of a line. `mysql` adds `#` comments, backticks and backslash escapes, and takes away nesting. */
export function nextToken(stream: Stream, state: Inside, mysql: boolean): Token {
  if (state.comment > 0) return comment(stream, state, !mysql);
  if (state.string !== null) return string(stream, state, mysql);
  if (stream.eatSpace()) return null;
  if (stream.match(/^--/) || (mysql && stream.match(/^#/))) {
    stream.skipToEnd();
    return "comment";
  }
  if (stream.match(/^\/\*/)) {
    state.comment = 1;
    return comment(stream, state, !mysql);
  }
  if (!mysql) {
    const dollar = stream.match(/^\$([A-Za-z_][A-Za-z_0-9]*)?\$/);
    if (dollar) {
      state.string = stream.current();
      return string(stream, state, false);
    }
  }
  if (stream.match(/^\d+(\.\d+)?([eE][+-]?\d+)?/)) return "number";
  if (stream.match(/^"(?:[^"]|"")*"?/) || stream.match(/^`[^`]*`?/)) return null;
  const escaped = !mysql && stream.match(/^[eE]'/);
  if (escaped || stream.match(/^'/)) {
    state.string = "'";
    return string(stream, state, mysql || Boolean(escaped));
  }
  if (stream.match(/^[A-Za-z_][A-Za-z_0-9$]*/)) {
    const word = stream.current().toLowerCase();
    return KEYWORDS.has(word) ? "keyword" : TYPES.has(word) ? "typeName" : null;
  }
  stream.next();
  return null;
}
