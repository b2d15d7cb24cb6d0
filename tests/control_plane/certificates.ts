/**
 * The keys and certificates of a control plane, made by openssl.
 *
 * @module
 */

/** Names by which the API server may be reached: loopback, and those a pod would use. */
const SERVER_NAMES =
  "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:10.0.0.1\n";

const DAYS = "3";
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/**
 * Writes `ca.crt`, `server.crt`, `server.key` and the key pair for service-account tokens, `sa.key` and
 * `sa.pub`, into a folder.
 *
 * @param dir The folder; files of these names are replaced.
 * @returns The certificate of the authority, as PEM.
 * @throws {Error} If openssl fails.
 */
export async function writeCertificates(dir: string): Promise<string> {
  await Deno.writeTextFile(`${dir}/server.names`, SERVER_NAMES);
  const ca = ["-x509", ...KEY, "-keyout", "ca.key", "-out", "ca.crt", "-days", DAYS];
  await openssl(dir, "req", ...ca, "-subj", "/CN=k8sensus-test-ca");
  const request = [...KEY, "-keyout", "server.key", "-out", "server.csr"];
  await openssl(dir, "req", ...request, "-subj", "/CN=kube-apiserver");
  const signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.crt"];
  const names = ["-extfile", "server.names", "-days", DAYS];
  await openssl(dir, "x509", "-req", "-in", "server.csr", ...signed, ...names);
  await openssl(dir, "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "sa.key");
  await openssl(dir, "ec", "-in", "sa.key", "-pubout", "-out", "sa.pub");
  return await Deno.readTextFile(`${dir}/ca.crt`);
}

async function openssl(dir: string, ...args: string[]): Promise<void> {
  const options = { args, cwd: dir, stdin: "null", stdout: "null" } as const;
  const { success, stderr } = await new Deno.Command("openssl", options).output();
  if (success) return;
  throw new Error(`Cannot run openssl ${args[0]}: ${new TextDecoder().decode(stderr).trim()}`);
}
