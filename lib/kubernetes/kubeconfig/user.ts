/**
 * What a kubeconfig says of a user: by what it shows who it is.
 *
 * @module
 */
import { ConfigError } from "../../errors.ts";
import type { Secrets } from "../credentials.ts";
import { type Entry, readText } from "./entry.ts";

const FIELDS = [
  "token",
  "tokenFile",
  "client-certificate",
  "client-certificate-data",
  "client-key",
  "client-key-data",
  "exec",
  "extensions",
];

const PASSWORD = "API servers take no passwords; give a token, a client certificate or exec";
const IMPERSONATION = "a candidate acts as itself; bind the Role to the account that it has";
/** What to do where a field is known and not supported. */
const ADVICE: Readonly<Record<string, string>> = {
  username: PASSWORD,
  password: PASSWORD,
  "auth-provider": "these providers are gone; give exec with the plugin that has taken their place",
  as: IMPERSONATION,
  "as-uid": IMPERSONATION,
  "as-groups": IMPERSONATION,
  "as-user-extra": IMPERSONATION,
};

/** What of the secrets is the user's. */
export type UserSecrets = Pick<Secrets, "token" | "cert" | "key">;

/**
 * Refuses what is not supported.
 *
 * @throws {ConfigError} If there is a field that cannot be used; it says what to use in its place.
 */
export function checkUser(entry: Entry): void {
  entry.refuseOthers(FIELDS, ADVICE);
}

/**
 * Whether a plugin is to be asked: what stands in the entry itself, or in files, comes first.
 *
 * @param entry Of the user.
 */
export function needsPlugin(entry: Entry): boolean {
  const own = FIELDS.slice(0, FIELDS.indexOf("exec"));
  return entry.part("exec") !== undefined && own.every((field) => entry.text(field) === undefined);
}

/**
 * Reads token and client certificate, from the entry or from files.
 *
 * @param entry Of the user.
 * @throws {ConfigError} If one cannot be read, or there is half of a certificate.
 */
export async function readUser(entry: Entry): Promise<UserSecrets> {
  const tokenFile = entry.path("tokenFile");
  const token = tokenFile === undefined ? entry.text("token") : (await readText(tokenFile)).trim();
  if (token === "") throw new ConfigError(`Cannot use ${tokenFile} as a token: it is empty`);
  const cert = await entry.pem("client-certificate");
  const key = await entry.pem("client-key");
  if ((cert === undefined) === (key === undefined)) return { token, cert, key };
  throw new ConfigError(
    `Cannot use half of a client certificate of ${entry.where}: ` +
      `give both client-certificate and client-key`,
  );
}
