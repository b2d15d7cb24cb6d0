/**
 * Readers of values: each turns the text of one flag into what the program uses, or says what is allowed.
 *
 * @module
 */
import { parseDuration } from "../duration.ts";
import { ConfigError } from "../errors.ts";

/** Turns text into a value. */
export interface Reader<T> {
  /** What `--help` shows in the place of the value; empty for a flag that needs none. */
  readonly placeholder: string;
  /**
   * @param text What was given, never empty.
   * @throws {ConfigError} If it cannot be used.
   */
  read(text: string): T;
}

/** Where to listen. */
export interface Address {
  /** A name or an address without brackets; without it, every address of the machine. */
  hostname?: string;
  /** 0 to 65535; with 0 the system picks one. */
  port: number;
}

/**
 * Quotes what a user gave, for a message of one line.
 *
 * @param text Anything.
 * @returns It in double quotes, shortened to 80 characters, with control characters escaped.
 */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text);
}

/** Any text that has the right form. */
function text(placeholder: string, form: RegExp, what: string, allowed: string): Reader<string> {
  return {
    placeholder,
    read(text) {
      if (form.test(text)) return text;
      throw new ConfigError(`Cannot use ${quote(text)} as ${what}: write ${allowed}`);
    },
  };
}

const LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
const SUBDOMAIN = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

/** The name of a Lease: a DNS subdomain of at most 253 characters, as Kubernetes wants it. */
export const leaseName: Reader<string> = text(
  "NAME",
  new RegExp(`^(?=.{1,253}$)${SUBDOMAIN}(\\.${SUBDOMAIN})*$`),
  "the name of a Lease",
  'at most 253 lower-case letters, digits, "-" and ".", beginning and ending with a letter or digit',
);

/** The name of a namespace: a DNS label of at most 63 characters. */
export const namespace: Reader<string> = text(
  "NAME",
  new RegExp(`^${LABEL}$`),
  "a namespace",
  'at most 63 lower-case letters, digits and "-", beginning and ending with a letter or digit',
);

/** The name of a candidate, without the nonce that the elector adds. */
export const identity: Reader<string> = text(
  "NAME",
  /^(?!.*;)[!-~]{1,200}$/,
  "an identity",
  "1 to 200 printable ASCII characters without spaces and ;",
);

/** The path of a file, or several of them as kubectl takes them. */
export const path: Reader<string> = text(
  "FILE",
  /^\P{Cc}+$/u,
  "a path",
  "one without control characters",
);

/** Any name on one line. */
export const name: Reader<string> = text(
  "NAME",
  /^\P{Cc}+$/u,
  "a name",
  "one without control characters",
);

/** A length of time above zero, in milliseconds. */
export const duration: Reader<number> = {
  placeholder: "DURATION",
  read(text) {
    const ms = parseDuration(text);
    if (ms > 0) return ms;
    throw new ConfigError(
      `Cannot use ${quote(text)} as a duration here: write one above zero, such as 2s`,
    );
  },
};

/** A length of time that may be zero, in milliseconds. */
export const durationOrZero: Reader<number> = { placeholder: "DURATION", read: parseDuration };

/** On or off. */
export const boolean: Reader<boolean> = {
  placeholder: "",
  read(text) {
    if (text === "true") return true;
    if (text === "false") return false;
    throw new ConfigError(`Cannot use ${quote(text)} as a yes or no: write true or false`);
  },
};

/**
 * One of a few words.
 *
 * @param words All that is allowed.
 */
export function choice<const T extends string>(...words: T[]): Reader<T> {
  return {
    placeholder: words.join("|"),
    read(text) {
      const word = words.find((word) => word === text);
      if (word !== undefined) return word;
      throw new ConfigError(`Cannot use ${quote(text)} here: write one of ${words.join(", ")}`);
    },
  };
}

/** Where to listen: `:8080`, `127.0.0.1:0`, `[::1]:8080`; nowhere: `off`, which is read as `undefined`. */
export const listen: Reader<Address | undefined> = {
  placeholder: "ADDRESS",
  read(text) {
    if (text === "off") return undefined;
    const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(text);
    const port = Number(parts?.[3]);
    if (parts === null || port > 65_535) {
      throw new ConfigError(
        `Cannot listen on ${quote(text)}: write an address and a port up to 65535, ` +
          `such as :8080, 127.0.0.1:0 or [::1]:8080, or off`,
      );
    }
    return { hostname: parts[1] || parts[2] || undefined, port };
  },
};
