/**
 * Label selectors: comparisons, existence and sets.
 *
 * @module
 */
import { badRequest, type Status } from "./status.ts";
import { keyFaults, labelFaults } from "./validate.ts";

/** Labels by key. */
export type Labels = Readonly<Record<string, string>>;

/** What a label selector means, or why it makes no sense. */
export type LabelSelector =
  | { readonly matches: (labels: Labels) => boolean; readonly refusal?: undefined }
  | { readonly refusal: Status };

/** One condition. Without values: whether the key is there. */
interface Requirement {
  readonly key: string;
  readonly not: boolean;
  readonly values?: readonly string[];
}

/** Thrown and caught in this file. */
class SelectorError extends Error {}

/** A word, an operator, a bracket or a comma; space around them does not matter. */
const TOKEN = /\s*(!=|==|[=!(),<>]|[^\s=!(),<>]+)\s*/y;

/**
 * Reads a label selector.
 *
 * @param selector As in the query, decoded.
 */
export function readLabelSelector(selector: string): LabelSelector {
  try {
    const requirements = new Parser(selector).requirements();
    return { matches: (labels) => requirements.every((one) => holds(one, labels)) };
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return { refusal: badRequest(error.message) };
  }
}

function holds({ key, not, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  return (value !== undefined && (values?.includes(value) ?? true)) !== not;
}

class Parser {
  readonly #tokens: string[] = [];

  constructor(selector: string) {
    TOKEN.lastIndex = 0;
    for (let found = TOKEN.exec(selector); found !== null; found = TOKEN.exec(selector)) {
      this.#tokens.push(found[1]!);
    }
  }

  requirements(): Requirement[] {
    const found: Requirement[] = [];
    if (this.#next === "") return found;
    do {
      found.push(this.#requirement(found.length > 0));
    } while (this.#skip(","));
    if (this.#next !== "") throw this.#unexpected("',' or 'end of string'");
    return found;
  }

  /** The next token; the empty text at the end. */
  get #next(): string {
    return this.#tokens[0] ?? "";
  }

  #skip(...tokens: string[]): boolean {
    if (!tokens.includes(this.#next)) return false;
    this.#tokens.shift();
    return true;
  }

  #requirement(isLater: boolean): Requirement {
    const isAbsent = this.#skip("!");
    if (!isWord(this.#next)) {
      throw this.#unexpected(
        isLater ? "identifier after ','" : "!, identifier, or 'end of string'",
      );
    }
    const key = this.#tokens.shift()!;
    for (const fault of keyFaults(key)) throw wrong(`<nil>: Invalid value: "${key}": ${fault}`);
    if (isAbsent || this.#next === "" || this.#next === ",") return { key, not: isAbsent };
    if (this.#skip("=", "==")) return { key, not: false, values: [this.#value(key)] };
    if (this.#skip("!=")) return { key, not: true, values: [this.#value(key)] };
    if (this.#skip("in")) return { key, not: false, values: this.#set(key) };
    if (this.#skip("notin")) return { key, not: true, values: this.#set(key) };
    throw this.#unexpected("',' or 'end of string'");
  }

  #set(key: string): string[] {
    if (!this.#skip("(")) throw wrong(`found '${this.#next}' expected: '('`);
    const values: string[] = [];
    do values.push(this.#value(key)); while (this.#skip(","));
    if (!this.#skip(")")) throw wrong(`found '${this.#next}', expected: ',' or ')'`);
    return values;
  }

  /** A word, or nothing, which is the empty value. */
  #value(key: string): string {
    const value = isWord(this.#next) ? this.#tokens.shift()! : "";
    for (const fault of labelFaults(value)) {
      throw wrong(`values[0][${key}]: Invalid value: ${JSON.stringify(value)}: ${fault}`);
    }
    return value;
  }

  #unexpected(expected: string): SelectorError {
    return new SelectorError(`found '${this.#next}', expected: ${expected}`);
  }
}

function isWord(token: string): boolean {
  return token !== "" && !/^[=!(),<>]/.test(token);
}

function wrong(why: string): SelectorError {
  return new SelectorError(`unable to parse requirement: ${why}`);
}
