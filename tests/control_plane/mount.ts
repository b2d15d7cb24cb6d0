/**
 * The folder in which a pod finds its service account, written as the kubelet writes it.
 *
 * @module
 */

/** What a pod sees in `/var/run/secrets/kubernetes.io/serviceaccount`. */
export interface MountFiles {
  readonly namespace: string;
  readonly token: string;
  /** PEM. */
  readonly ca: string;
}

/**
 * A mounted service account: `token`, `ca.crt` and `namespace` are links into `..data`, which is itself a
 * link to a folder named after its time. A rotation swaps `..data` by one rename, so a reader sees all of
 * the old files or all of the new ones.
 */
export class ServiceAccountMount {
  /** The folder. */
  readonly dir: string;
  #files: MountFiles;
  #data = "";

  private constructor(dir: string, files: MountFiles) {
    this.dir = dir;
    this.#files = files;
  }

  /** Writes the folder, which may not exist yet. */
  static async create(dir: string, files: MountFiles): Promise<ServiceAccountMount> {
    await Deno.mkdir(dir, { recursive: true });
    const mount = new ServiceAccountMount(dir, files);
    await mount.#swap();
    for (const name of ["token", "ca.crt", "namespace"]) {
      await Deno.symlink(`..data/${name}`, `${dir}/${name}`);
    }
    return mount;
  }

  /** Replaces what is given, all at once. */
  async rotate(files: Partial<MountFiles>): Promise<void> {
    this.#files = { ...this.#files, ...files };
    await this.#swap();
  }

  async #swap(): Promise<void> {
    const old = this.#data;
    const time = new Date().toISOString().replace(/[-:T]/g, "_").slice(0, 19);
    this.#data = await Deno.makeTempDir({ dir: this.dir, prefix: `..${time}.` });
    // As the kubelet does: the container may run as anybody.
    await Deno.chmod(this.#data, 0o755);
    await Deno.writeTextFile(`${this.#data}/token`, this.#files.token);
    await Deno.writeTextFile(`${this.#data}/ca.crt`, this.#files.ca);
    await Deno.writeTextFile(`${this.#data}/namespace`, this.#files.namespace);
    // Relative, as the kubelet's is: it holds wherever the volume is mounted.
    const target = this.#data.slice(this.#data.lastIndexOf("/") + 1);
    await Deno.symlink(target, `${this.dir}/..data_tmp`);
    await Deno.rename(`${this.dir}/..data_tmp`, `${this.dir}/..data`);
    if (old !== "") await Deno.remove(old, { recursive: true });
  }
}
