// Several kubeconfig files as one, by kubectl's rules.
import { assertEquals, assertRejects } from "@std/assert";
import { ConfigError } from "../../lib/errors.ts";
import { fromKubeconfig } from "../../lib/kubernetes/kubeconfig.ts";
import { type Files, files } from "../support/kubeconfig_files.ts";

/** Entries by name, in the order in which they stand. */
interface Draft {
  current?: string;
  clusters?: Record<string, unknown>;
  users?: Record<string, unknown>;
  contexts?: Record<string, unknown>;
}

function draft({ current, clusters = {}, users = {}, contexts = {} }: Draft): string {
  const list = (kind: string, entries: Record<string, unknown>) =>
    Object.entries(entries).map(([name, entry]) => ({ name, [kind]: entry }));
  return JSON.stringify({
    ...(current === undefined ? {} : { "current-context": current }),
    clusters: list("cluster", clusters),
    users: list("user", users),
    contexts: list("context", contexts),
  });
}

const paths = (at: Files, ...names: string[]) => names.map((name) => at.path(name)).join(":");

const CLUSTERS = draft({ clusters: { k: { server: "https://k" } } });
const CONTEXT = { c: { cluster: "k", user: "u" } };

Deno.test("several kubeconfigs: a context in one file, its cluster and user in others", async () => {
  await using at = await files({
    "contexts": draft({ current: "c", contexts: CONTEXT }),
    "clusters": CLUSTERS,
    "users": draft({ users: { u: { token: "t" } } }),
  });
  const all = paths(at, "contexts", "clusters", "users");
  const { server, credentials } = await fromKubeconfig(all);
  assertEquals([server, (await credentials.get()).token], ["https://k", "t"]);
});

Deno.test("several kubeconfigs: of every name the first entry counts, whole", async () => {
  await using at = await files({
    "one": draft({ clusters: { k: { server: "https://one" } }, contexts: CONTEXT }),
    "two": draft({
      current: "c",
      clusters: { k: { server: "https://two", "proxy-url": "http://proxy:1" } },
      users: { u: { token: "t" } },
      contexts: { c: { cluster: "k", user: "u", namespace: "two" } },
    }),
  });
  const first = await fromKubeconfig(paths(at, "one", "two"));
  assertEquals([first.server, first.proxyUrl, first.namespace], [
    "https://one",
    undefined,
    undefined,
  ]);
  const second = await fromKubeconfig(paths(at, "two", "one"));
  assertEquals([second.server, second.namespace], ["https://two", "two"]);
});

Deno.test("several kubeconfigs: the current context is that of the first file that has one", async () => {
  const contexts = { a: { cluster: "k", namespace: "a" }, b: { cluster: "k", namespace: "b" } };
  await using at = await files({
    "none": CLUSTERS,
    "empty": draft({ current: "", contexts }),
    "b": draft({ current: "b" }),
    "a": draft({ current: "a" }),
  });
  const all = paths(at, "none", "empty", "b", "a");
  assertEquals((await fromKubeconfig(all)).namespace, "b");
  assertEquals((await fromKubeconfig(all, { context: "a" })).namespace, "a");
});

Deno.test("several kubeconfigs: paths are relative to the file in which they stand", async () => {
  const user = { u: { tokenFile: "secrets/token" } };
  await using at = await files({
    "here/config": draft({
      current: "c",
      contexts: CONTEXT,
      clusters: { k: { server: "https://k" } },
    }),
    "there/config": draft({ users: user }),
    "here/secrets/token": "wrong",
    "there/secrets/token": "right",
  });
  const { credentials } = await fromKubeconfig(paths(at, "here/config", "there/config"));
  assertEquals((await credentials.get()).token, "right");
});

Deno.test("several kubeconfigs: missing, empty and repeated ones are left out", async () => {
  const whole = draft({
    current: "c",
    contexts: { c: { cluster: "k" } },
    clusters: { k: { server: "https://k" } },
  });
  await using at = await files({ "empty": "# nothing yet\n", "whole": whole });
  const all = `:${paths(at, "gone", "empty", "whole", "whole")}:`;
  assertEquals((await fromKubeconfig(all)).server, "https://k");
});

Deno.test("several kubeconfigs: what is wrong is told with the files that were read", async () => {
  await using at = await files({
    "one": draft({ current: "nope", contexts: { a: {} } }),
    "two": draft({ contexts: { b: {} } }),
    "bad": "a: [",
    "empty": "",
  });
  const cases: [all: string, ...parts: string[]][] = [
    [paths(at, "one", "two"), `in ${at.path("one")}, ${at.path("two")}: it has "a", "b"`],
    [paths(at, "gone", "lost"), `none of ${at.path("gone")}, ${at.path("lost")} exists`],
    [paths(at, "one", "bad"), `Cannot read ${at.path("bad")} as YAML: see line 1, column 5`],
    [paths(at, "empty", "gone"), `Cannot use ${at.path("empty")} as a kubeconfig`],
    [paths(at, "two", "empty"), `Cannot choose a context in ${at.path("two")}: there is no`],
    [":", "Cannot read a kubeconfig"],
  ];
  for (const [all, ...parts] of cases) {
    for (const part of parts) await assertRejects(() => fromKubeconfig(all), ConfigError, part);
  }
});
