/**
 * Reads TypeScript just well enough to tell code from comments and strings.
 *
 * @module
 */

/** A source file, taken apart. */
export interface Source {
  /** The code, with comments, strings and regular expressions blanked out; lines stay where they were. */
  code: string;
  /** Every specifier that it imports or re-exports: statically, dynamically, or as a type. */
  imports: string[];
}

/** After these words a slash begins a regular expression, not a division. */
const BEFORE_REGEXP =
  /(?:^|[=([{,;:!&|?+\-*%<>~^}]|\b(?:return|typeof|case|in|of|do|else|void))\s*$/;
/** After these words a string is a specifier. */
const BEFORE_SPECIFIER = /(?:^|[^.\w$#])(?:from|import|import\s*\()\s*$/;

/**
 * Takes a source file apart.
 *
 * @param text What the file holds.
 */
export function parseSource(text: string): Source {
  let code = "";
  const imports: string[] = [];
  /** For each open template: how many braces are open in its present `${}`. */
  const templates: number[] = [];
  let at = 0;
  const skip = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? text[at]!;
    at += found.length;
    code += found.replace(/[^\n]/g, " ");
    return found;
  };
  const template = () => {
    const part = skip(/(?:[^`\\$]|\\[^]|\$(?!\{))*(?:`|\$\{|$)/y);
    if (part.endsWith("${")) templates.push(0);
  };
  while (at < text.length) {
    const char = text[at]!;
    const pair = text.slice(at, at + 2);
    if (pair === "//") skip(/[^\n]*/y);
    else if (pair === "/*") skip(/\/\*[^]*?(?:\*\/|$)/y);
    else if (char === '"' || char === "'") {
      const specifier = BEFORE_SPECIFIER.test(code.slice(-40));
      const found = skip(char === '"' ? /"(?:[^"\\\n]|\\[^])*"?/y : /'(?:[^'\\\n]|\\[^])*'?/y);
      if (specifier) imports.push(found.slice(1, -1));
      // A name in place of the string, so that a slash after it is seen as a division.
      code = code.slice(0, -1) + "_";
    } else if (char === "`") {
      at++;
      code += " ";
      template();
    } else if (char === "/" && BEFORE_REGEXP.test(code.slice(-200).trimEnd())) {
      skip(/\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y);
      code = code.slice(0, -1) + "_";
    } else if (char === "}" && templates.at(-1) === 0) {
      templates.pop();
      at++;
      code += " ";
      template();
    } else {
      if (templates.length > 0 && char === "{") templates[templates.length - 1]!++;
      if (templates.length > 0 && char === "}") templates[templates.length - 1]!--;
      code += char;
      at++;
    }
  }
  return { code, imports };
}
