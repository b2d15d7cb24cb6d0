/**
 * Service-account tokens signed by a test with the control plane's own key: the API server gives out none
 * that live for less than ten minutes.
 *
 * @module
 */
import type { ControlPlane } from "./control_plane.ts";

/** How long the API server goes on to take a token that has expired. */
const LEEWAY_MS = 60_000;

/**
 * Signs a token that the API server takes for so long.
 *
 * @param plane Whose key.
 * @param namespace Of the account.
 * @param name Of the account, which must exist.
 * @param lifeMs How long it is taken, in milliseconds; the API server remembers for 10 s more what it took.
 */
export async function signToken(
  plane: ControlPlane,
  namespace: string,
  name: string,
  lifeMs: number,
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
  const { body } = await plane.request<{ metadata: { uid: string } }>("GET", path);
  const issuer = "https://kubernetes.default.svc";
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    aud: [issuer],
    iss: issuer,
    sub: `system:serviceaccount:${namespace}:${name}`,
    iat: now - 3_600,
    nbf: now - 3_600,
    exp: Math.floor((Date.now() + lifeMs - LEEWAY_MS) / 1_000),
    "kubernetes.io": { namespace, serviceaccount: { name, uid: body.metadata.uid } },
  };
  const signed = `${encode({ alg: "ES256", typ: "JWT" })}.${encode(claims)}`;
  const key = await readKey(`${plane.dir}/sa.key`);
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(algorithm, key, new TextEncoder().encode(signed));
  return `${signed}.${
    new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true })
  }`;
}

function encode(value: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The key in the form that `crypto.subtle` reads. */
async function readKey(path: string): Promise<CryptoKey> {
  const { success, stdout } = await new Deno.Command("openssl", {
    args: ["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in", path],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`Cannot read ${path}`);
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  return await crypto.subtle.importKey("pkcs8", stdout, algorithm, false, ["sign"]);
}
