/**
 * A container of the image, beside an API server that shares its network: loopback, and nothing else.
 *
 * @module
 */
import { readLease } from "../../lib/lease.ts";
import { ApiServer } from "../../lib/testing/mod.ts";
import { writeCertificates } from "../control_plane/certificates.ts";
import { ServiceAccountMount } from "../control_plane/mount.ts";
import { until } from "../support/until.ts";
import { TestProcess } from "../support/processes.ts";
import { containerCommand, type ContainerOptions, type Image } from "./build.ts";

const NAMESPACE = "shop";
const TOKEN = "the-token-of-the-service-account";
const LEASE = "k8sensus-lease";
/** Where the image listens. */
const SERVICE = "http://127.0.0.1:8080";

/** Something that happens to an image. */
export type Scenario = (image: Image, cluster: Cluster) => Promise<void>;

/** Kubernetes, as far as a Pod can see it. */
export class Cluster implements AsyncDisposable {
  readonly server: ApiServer;
  readonly #image: Image;
  /** Certificate of the authority, PEM. */
  readonly #ca: string;

  private constructor(image: Image, server: ApiServer, ca: string) {
    this.#image = image;
    this.server = server;
    this.#ca = ca;
  }

  /** Starts an API server, and mounts a service account into the image. */
  static async start(image: Image): Promise<Cluster> {
    const dir = await Deno.makeTempDir({ prefix: "k8sensus-image-" });
    try {
      const ca = await writeCertificates(dir);
      const [cert, key] = await Promise.all(
        ["crt", "key"].map((kind) => Deno.readTextFile(`${dir}/server.${kind}`)),
      );
      const server = new ApiServer({
        tls: { cert: cert!, key: key! },
        tokens: { [TOKEN]: "system:serviceaccount:shop:k8sensus" },
      });
      await mountAccount(`${image.root}/run/secrets/kubernetes.io/serviceaccount`, ca);
      return new Cluster(image, server, ca);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  }

  /** What Kubernetes puts into the environment of a Pod. */
  get env(): Record<string, string> {
    return {
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: new URL(this.server.url).port,
    };
  }

  /** Writes `/kubeconfig/config`, in YAML as people have it, in place of a service account. */
  async writeKubeconfig(): Promise<void> {
    const cluster = {
      server: this.server.url,
      "certificate-authority-data": btoa(this.#ca),
    };
    const yaml = [
      "apiVersion: v1",
      "current-context: c",
      `contexts: [{ name: c, context: { cluster: c, user: u, namespace: ${NAMESPACE} } }]`,
      `clusters: [{ name: c, cluster: ${JSON.stringify(cluster)} }]`,
      `users: [{ name: u, user: { token: ${TOKEN} } }]`,
    ];
    await Deno.mkdir(`${this.#image.root}/kubeconfig`, { recursive: true });
    await Deno.writeTextFile(`${this.#image.root}/kubeconfig/config`, yaml.join("\n"));
  }

  /** How the Lease is: whoever holds it, `"released"`, `"unheld"` as it was created, or `"none"`. */
  get lease(): string {
    const lease = this.server.leases.get(NAMESPACE, LEASE);
    if (lease === undefined) return "none";
    const { holder, released } = readLease(lease);
    return released !== undefined ? "released" : holder || "unheld";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    for (const folder of ["run/secrets", "kubeconfig"]) {
      await Deno.remove(`${this.#image.root}/${folder}`, { recursive: true }).catch(() => {});
    }
  }
}

/** For all to read, as a Pod's is. */
async function mountAccount(dir: string, ca: string): Promise<void> {
  await ServiceAccountMount.create(dir, { namespace: NAMESPACE, token: TOKEN, ca });
  await Deno.chmod(await Deno.realPath(`${dir}/..data`), 0o755);
}

/** A running container. */
export class Container implements AsyncDisposable {
  readonly #process: TestProcess;
  /** Its process 1, as seen from here. */
  readonly pid: number;
  #ended = false;

  private constructor(process: TestProcess, pid: number) {
    this.#process = process;
    this.pid = pid;
    process.exit.then(() => this.#ended = true);
  }

  /** Starts one; returns when the process that the image names is process 1. */
  static async start(
    image: Image,
    options: ContainerOptions & { readonly env: Readonly<Record<string, string>> },
  ): Promise<Container> {
    const [program, ...args] = containerCommand(image, options);
    const process = TestProcess.command(program!, {
      args,
      // A short term, and no wait for a Lease that nobody ever held.
      env: {
        ...{ PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/", DENO_DIR: "/deno-dir/" },
        ...{ K8SENSUS_LEASE_DURATION: "3s", K8SENSUS_TRUST_UNHELD: "true" },
        ...image.config.env,
        ...options.env,
      },
      clearEnv: true,
    });
    let pid: number | undefined;
    const name = options.init === false ? "deno" : "tini";
    let ended = false;
    process.exit.then(() => ended = true);
    await until(`${name} is process 1`, async () => {
      if (ended) throw new Error(`The container did not start:\n${process.lines.join("\n")}`);
      pid = await onlyChild(process.pid);
      if (pid === undefined || await nameOf(pid) !== name) return false;
      // Before the init waits for signals the kernel keeps them from process 1, and so they would be lost.
      return options.init === false || await onlyChild(pid) !== undefined;
    });
    return new Container(process, pid!);
  }

  /** Everything on stderr so far. */
  get log(): string {
    return this.#process.lines.join("\n");
  }

  /** Everything on stdout, once it has ended. */
  get stdout(): Promise<string> {
    return this.#process.stdout;
  }

  /** Waits until a path of the service answers 200. @returns Whether it did so before the container ended. */
  async answers(path: string): Promise<boolean> {
    let status: number | undefined;
    await until(`${path} answers 200`, async () => {
      const response = await fetch(SERVICE + path).catch(() => undefined);
      await response?.body?.cancel();
      status = response?.status;
      return status === 200 || this.#ended;
    });
    return status === 200;
  }

  /** Sends a signal to process 1, as kubelet does. */
  signal(signal: Deno.Signal): void {
    Deno.kill(this.pid, signal);
  }

  /** Its exit code. */
  async exitCode(): Promise<number> {
    return (await this.#process.exit).code;
  }

  /** Ends it, if it has not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

async function onlyChild(pid: number): Promise<number | undefined> {
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`).catch(() => "");
  return children.trim() === "" ? undefined : Number(children);
}

async function nameOf(pid: number): Promise<string> {
  return (await Deno.readTextFile(`/proc/${pid}/comm`).catch(() => "")).trim();
}

/** The user ids and the rest of what the kernel says of a process. */
export async function statusOf(pid: number): Promise<Record<string, string>> {
  const lines = (await Deno.readTextFile(`/proc/${pid}/status`)).trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2)));
}

/** The process that the init started: Deno. */
export async function childOf(pid: number): Promise<number> {
  const child = await onlyChild(pid);
  if (child === undefined) throw new Error(`Process ${pid} has no child`);
  return child;
}
