import { type Access, ApiServer } from "../../lib/testing/mod.ts";
import { conformance } from "./suite.ts";
import type { Rule, Target } from "./target.ts";

const ADMIN = { name: "admin", token: "token-of-admin" };
const OUTSIDER = { name: "outsider", token: "token-of-outsider" };

function embedded(): Promise<Target> {
  const namespaces: string[] = [];
  const rules: (Rule & { readonly namespace: string })[] = [];
  const granted = ({ verb, namespace, name }: Access) =>
    rules.some((rule) =>
      rule.namespace === namespace && rule.verbs.includes(verb) &&
      (rule.resourceNames?.includes(name ?? "") ?? true)
    );
  const server = new ApiServer({
    tokens: { [ADMIN.token]: ADMIN.name, [OUTSIDER.token]: OUTSIDER.name },
    allow: (user, access) => user === ADMIN.name || granted(access),
    namespaces,
  });
  return Promise.resolve({
    url: server.url,
    admin: ADMIN,
    outsider: OUTSIDER,
    namespace: (name) => {
      namespaces.push(name);
      return Promise.resolve();
    },
    grant: (namespace, rule) => {
      rules.push({ namespace, ...rule });
      return Promise.resolve();
    },
    forget: () => {
      server.compact();
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => server.close(),
  });
}

conformance("embedded", embedded);
