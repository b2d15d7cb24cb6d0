/**
 * The keys and certificates of a control plane, made by openssl.
 *
 * @module
 */

/** Names by which the API server may be reached: loopback, and those a pod would use. */
const SERVER_NAMES =
  "IP:127.0.0.1,IP:::1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:10.0.0.1";

const DAYS = "3";
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** What is certified. */
export interface Subject {
  /** As openssl writes it: `/O=group/CN=user`. */
  readonly subject: string;
  /** Names of a server, as openssl writes them: `DNS:localhost,IP:127.0.0.1`. */
  readonly names?: string;
}

/**
 * Writes `ca.crt`, `server.crt`, `server.key` and the key pair for service-account tokens, `sa.key` and
 * `sa.pub`, into a folder.
 *
 * @param dir The folder; files of these names are replaced.
 * @returns The certificate of the authority, as PEM.
 * @throws {Error} If openssl fails.
 */
export async function writeCertificates(dir: string): Promise<string> {
  const ca = await writeAuthority(dir, "ca");
  await writeServerCertificate(dir, "ca");
  await openssl(dir, "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "sa.key");
  await openssl(dir, "ec", "-in", "sa.key", "-pubout", "-out", "sa.pub");
  return ca;
}

/**
 * Writes `<name>.crt` and `<name>.key`, of a new authority.
 *
 * @returns Its certificate, as PEM.
 */
export async function writeAuthority(dir: string, name: string): Promise<string> {
  const files = ["-keyout", `${name}.key`, "-out", `${name}.crt`];
  const subject = ["-subj", `/CN=k8sensus-test-${name}`];
  await openssl(dir, "req", "-x509", ...KEY, ...files, "-days", DAYS, ...subject);
  return await Deno.readTextFile(`${dir}/${name}.crt`);
}

/** Writes `server.crt` and `server.key`, signed by an authority of that name in the folder. */
export async function writeServerCertificate(dir: string, authority: string): Promise<void> {
  await writeCertificate(dir, authority, "server", {
    subject: "/CN=kube-apiserver",
    names: SERVER_NAMES,
  });
}

/**
 * Writes `<name>.crt` and `<name>.key`, signed by an authority of the folder.
 *
 * @returns Certificate and key, as PEM.
 */
export async function writeCertificate(
  dir: string,
  authority: string,
  name: string,
  { subject, names }: Subject,
): Promise<{ cert: string; key: string }> {
  const request = ["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject];
  await openssl(dir, "req", ...KEY, ...request);
  // Without any extension it would be of version 1, which rustls does not take.
  const extensions = ["basicConstraints=CA:FALSE"];
  if (names !== undefined) extensions.push(`subjectAltName=${names}`);
  await Deno.writeTextFile(`${dir}/${name}.ext`, extensions.join("\n") + "\n");
  const signer = ["-CA", `${authority}.crt`, "-CAkey", `${authority}.key`, "-CAcreateserial"];
  const files = ["-in", `${name}.csr`, "-out", `${name}.crt`, "-extfile", `${name}.ext`];
  await openssl(dir, "x509", "-req", ...signer, ...files, "-days", DAYS);
  return {
    cert: await Deno.readTextFile(`${dir}/${name}.crt`),
    key: await Deno.readTextFile(`${dir}/${name}.key`),
  };
}

async function openssl(dir: string, ...args: string[]): Promise<void> {
  const options = { args, cwd: dir, stdin: "null", stdout: "null" } as const;
  const { success, stderr } = await new Deno.Command("openssl", options).output();
  if (success) return;
  throw new Error(`Cannot run openssl ${args[0]}: ${new TextDecoder().decode(stderr).trim()}`);
}
