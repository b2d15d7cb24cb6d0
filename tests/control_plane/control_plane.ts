/**
 * A real control plane for tests: kube-apiserver with RBAC, and etcd, on free loopback ports.
 *
 * @module
 */
import { ApiClient } from "./api_client.ts";
import type { Answer, RequestOptions } from "./api_client.ts";
import { binaries, missingBinaries } from "./binaries.ts";
import { writeAuthority, writeCertificates, writeServerCertificate } from "./certificates.ts";
import { apiServerCommand, etcdCommand, freePorts } from "./commands.ts";
import { kubeconfigText } from "./kubeconfig.ts";
import { ServiceAccountMount } from "./mount.ts";
import * as accounts from "./service_account.ts";
import type { Rule, TokenOptions } from "./service_account.ts";
import { poll, Program, Supervisor } from "./supervisor.ts";

/** Generous: a start takes seconds, but the machine may be busy. */
const READY_LIMIT_MS = 120_000;
/** Short: the state is thrown away with the folder. */
const STOP_LIMIT_MS = 1_500;
const START_ATTEMPTS = 3;
/** Paths from the folder, in which the API server runs. */
const AUDIT_FLAGS = ["--audit-policy-file=audit.json", "--audit-log-path=audit.log"];

/** A user who shows a fixed bearer token. */
export interface StaticToken {
  readonly token: string;
  readonly user: string;
  readonly groups?: readonly string[];
}

/** What a control plane may be given. */
export interface ControlPlaneOptions {
  /** More flags of kube-apiserver; of a flag given twice the last wins, but lists grow. */
  readonly flags?: readonly string[];
  /** More flags of etcd. */
  readonly etcdFlags?: readonly string[];
  /** Users beside the administrator. */
  readonly tokens?: readonly StaticToken[];
  /** What the API server notes of requests in {@linkcode ControlPlane.auditLog}. @default {nothing} */
  readonly audit?: AuditPolicy;
}

/** An `audit.k8s.io/v1` Policy, in the words of Kubernetes. */
export interface AuditPolicy {
  readonly omitStages: readonly string[];
  readonly omitManagedFields?: boolean;
  readonly rules: readonly unknown[];
}

/** A service account that can be used. */
export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
  readonly token: string;
  /** Path of a kubeconfig with this token. */
  readonly kubeconfig: string;
}

/** A running kube-apiserver and its etcd. */
export class ControlPlane implements AsyncDisposable {
  /** Folder with logs, keys and state; removed at the end. */
  readonly dir: string;
  /** Bearer token of a member of `system:masters`. */
  readonly adminToken: string;
  /** Path of a kubeconfig of the same. */
  readonly kubeconfig: string;
  /** Path of the API server's own log of requests, as lines of JSON; there once it has the first. */
  readonly auditLog: string;
  /** Port of the API server on 127.0.0.1; stays the same over a restart. */
  readonly port: number;
  /** `https://127.0.0.1:<port>`. */
  readonly url: string;
  /** To freeze, resume, terminate or kill it. */
  readonly apiServer: Program;
  /** To freeze, resume, terminate or kill it. */
  readonly etcd: Program;
  readonly #supervisor: Supervisor;
  #ca: string;
  #api: ApiClient;

  private constructor(
    supervisor: Supervisor,
    files: { readonly ca: string; readonly adminToken: string },
    programs: { readonly etcd: string; readonly apiServer: string },
    options: ControlPlaneOptions,
  ) {
    const ports = freePorts();
    const etcd = etcdCommand(programs.etcd, ports, options.etcdFlags ?? []);
    const flags = [...options.audit === undefined ? [] : AUDIT_FLAGS, ...options.flags ?? []];
    const apiServer = apiServerCommand(programs.apiServer, ports, flags);
    this.#supervisor = supervisor;
    this.dir = supervisor.dir;
    this.#ca = files.ca;
    this.adminToken = files.adminToken;
    this.kubeconfig = `${this.dir}/admin.kubeconfig`;
    this.auditLog = `${this.dir}/audit.log`;
    this.port = ports.apiServer;
    this.url = `https://127.0.0.1:${this.port}`;
    this.etcd = new Program(supervisor, "etcd", etcd);
    this.apiServer = new Program(supervisor, "apiserver", apiServer);
    this.#api = new ApiClient(this.url, this.#ca, this.adminToken);
  }

  /** Certificate of the authority that signed the API server's, PEM. */
  get ca(): string {
    return this.#ca;
  }

  /**
   * Why none can be started here, in one sentence.
   *
   * @returns The reason, or `undefined` if one can.
   */
  static async missing(): Promise<string | undefined> {
    return await missingBinaries();
  }

  /**
   * Starts one and waits until it is ready. Builds its programs if that was never done.
   *
   * @param options Flags and users.
   * @param supervisor Runs the programs; ends with the control plane, or when this throws.
   * @throws {Error} If it does not get ready; with the end of the log.
   */
  static async start(
    options: ControlPlaneOptions = {},
    supervisor: Supervisor = Supervisor.start(),
  ): Promise<ControlPlane> {
    try {
      const programs = await binaries();
      const ca = await writeCertificates(supervisor.dir);
      const adminToken = await writeTokens(supervisor.dir, options.tokens ?? []);
      if (options.audit !== undefined) await writeAuditPolicy(supervisor.dir, options.audit);
      for (let attempt = 1;; attempt++) {
        const plane = new ControlPlane(supervisor, { ca, adminToken }, programs, options);
        if (await plane.#tryStart(attempt === START_ATTEMPTS)) return plane;
      }
    } catch (error) {
      await supervisor[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * One attempt.
   *
   * @param last Whether a port that somebody else took meanwhile is an error.
   * @returns Whether it is ready.
   */
  async #tryStart(last: boolean): Promise<boolean> {
    await Deno.writeTextFile(this.kubeconfig, this.#kubeconfigOf("admin", this.adminToken));
    await this.etcd.start();
    await this.apiServer.start();
    try {
      await this.ready();
      return true;
    } catch (error) {
      if (last || !await this.#portWasTaken()) throw error;
      await this.apiServer.kill();
      await this.etcd.kill();
      for (const name of ["etcd", "etcd.log", "etcd.pid", "etcd.exit"]) await this.#remove(name);
      for (const kind of ["log", "pid", "exit"]) await this.#remove(`apiserver.${kind}`);
      return false;
    }
  }

  async #remove(name: string): Promise<void> {
    await Deno.remove(`${this.dir}/${name}`, { recursive: true });
  }

  async #portWasTaken(): Promise<boolean> {
    const logs = await this.etcd.log() + await this.apiServer.log();
    return logs.includes("address already in use");
  }

  /**
   * Waits until `/readyz` answers 200.
   *
   * @param limitMs How long at most.
   * @throws {Error} If a program ends or the limit passes; with the end of both logs.
   */
  async ready(limitMs = READY_LIMIT_MS): Promise<void> {
    const state = await poll(limitMs, async () => {
      if (await this.#answersReady()) return "ready";
      if (await this.apiServer.exitStatus() !== undefined) return "kube-apiserver has ended";
      if (await this.etcd.exitStatus() !== undefined) return "etcd has ended";
    });
    if (state === "ready") return;
    throw new Error(
      `Control plane is not ready: ${state ?? `no answer in ${limitMs} ms`}\n` +
        `-- etcd:\n${await this.etcd.log(5)}\n-- kube-apiserver:\n${await this.apiServer.log(8)}`,
    );
  }

  async #answersReady(): Promise<boolean> {
    try {
      const answer = await this.#api.request("GET", "/readyz", undefined, { timeoutMs: 2_000 });
      return answer.status === 200;
    } catch {
      return false; // Not listening yet.
    }
  }

  /** Ends kube-apiserver, whatever its state, and starts it on the same port; waits until it is ready. */
  async restart(): Promise<void> {
    await this.apiServer.terminate(STOP_LIMIT_MS);
    await this.apiServer.start();
    await this.ready();
  }

  /** Makes another authority of this name; gives its certificate, PEM. Nothing is signed by it yet. */
  async newAuthority(name: string): Promise<string> {
    return await writeAuthority(this.dir, name);
  }

  /** Restarts kube-apiserver with a certificate of another authority, which {@linkcode newAuthority} made. */
  async changeAuthority(name: string): Promise<void> {
    await writeServerCertificate(this.dir, name);
    this.#ca = await Deno.readTextFile(`${this.dir}/${name}.crt`);
    this.#api = new ApiClient(this.url, this.#ca, this.adminToken);
    await this.restart();
  }

  /**
   * Asks the API server as administrator. Every status is an answer.
   *
   * @throws {TypeError} If there is no connection.
   */
  async request<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
    options?: RequestOptions,
  ): Promise<Answer<Body>> {
    return await this.#api.request<Body>(method, path, body, options);
  }

  /**
   * Makes a service account with a Role, and its namespace if need be. Ready for use when it returns.
   *
   * @param namespace Of the account and of its rights.
   * @param name A second call of the same name changes the rules and gives a new token.
   * @param rules What it may do. By default what a candidate needs.
   * @param options Of its token.
   */
  async serviceAccount(
    namespace: string,
    name: string,
    rules: readonly Rule[] = accounts.DEFAULT_RULES,
    options: TokenOptions = {},
  ): Promise<ServiceAccount> {
    await accounts.createServiceAccount(this.#api, namespace, name, rules);
    const token = await this.token(namespace, name, options);
    // A token for another audience is none to the API server itself.
    if (options.audiences === undefined) {
      await accounts.waitForRights(this.#api, namespace, token, rules);
    }
    const kubeconfig = await Deno.makeTempFile({
      dir: this.dir,
      prefix: `${namespace}.${name}.`,
      suffix: ".kubeconfig",
    });
    await Deno.writeTextFile(kubeconfig, this.#kubeconfigOf(name, token, namespace));
    return { namespace, name, token, kubeconfig };
  }

  /** One more token for a service account that exists. */
  async token(namespace: string, name: string, options: TokenOptions = {}): Promise<string> {
    return await accounts.requestToken(this.#api, namespace, name, options);
  }

  /** Makes a namespace if there is none of that name. */
  async namespace(name: string): Promise<void> {
    await accounts.createNamespace(this.#api, name);
  }

  /**
   * Writes a folder as a pod finds it in `/var/run/secrets/kubernetes.io/serviceaccount`.
   *
   * @param dir Path of the folder.
   * @param account Namespace and token, as {@linkcode serviceAccount} returns them.
   * @returns With `rotate()`.
   */
  async mountServiceAccount(
    dir: string,
    account: { readonly namespace: string; readonly token: string },
  ): Promise<ServiceAccountMount> {
    const { namespace, token } = account;
    return await ServiceAccountMount.create(dir, { namespace, token, ca: this.ca });
  }

  /** A kubeconfig for the same API server at another address, such as that of a proxy. */
  async kubeconfigAt(port: number, token: string, namespace = "default"): Promise<string> {
    const path = await Deno.makeTempFile({ dir: this.dir, suffix: ".kubeconfig" });
    const url = `https://127.0.0.1:${port}`;
    await Deno.writeTextFile(path, this.#kubeconfigOf("user", token, namespace, url));
    return path;
  }

  #kubeconfigOf(user: string, token: string, namespace = "default", url = this.url): string {
    return kubeconfigText({ url, ca: this.ca, user, token, namespace });
  }

  /** Ends both programs and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.apiServer.terminate(STOP_LIMIT_MS);
    await this.etcd.terminate(STOP_LIMIT_MS);
    await this.#supervisor[Symbol.asyncDispose]();
  }
}

/** Writes the file of static tokens; returns the administrator's. */
async function writeTokens(dir: string, tokens: readonly StaticToken[]): Promise<string> {
  const admin = { token: crypto.randomUUID(), user: "admin", groups: ["system:masters"] };
  const lines = [admin, ...tokens].map(({ token, user, groups = [] }) =>
    `${token},${user},${user},"${groups.join(",")}"\n`
  );
  await Deno.writeTextFile(`${dir}/tokens.csv`, lines.join(""), { mode: 0o600 });
  return admin.token;
}

/** Writes what the API server is to note of requests. */
async function writeAuditPolicy(dir: string, policy: AuditPolicy): Promise<void> {
  const object = { apiVersion: "audit.k8s.io/v1", kind: "Policy", ...policy };
  await Deno.writeTextFile(`${dir}/audit.json`, JSON.stringify(object));
}
