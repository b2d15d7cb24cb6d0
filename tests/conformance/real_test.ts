import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import { poll } from "../control_plane/supervisor.ts";
import { conformance } from "./suite.ts";
import type { Rule, Target } from "./target.ts";

const OUTSIDER = { name: "outsider", token: crypto.randomUUID() };
const RIGHTS_LIMIT_MS = 30_000;

const ignore = await controlPlaneOrSkip();
const controlPlane = sharedControlPlane({
  tokens: [{ token: OUTSIDER.token, user: OUTSIDER.name }],
});

async function real(): Promise<Target> {
  const plane = await controlPlane();
  return {
    url: plane.url,
    ca: plane.ca,
    admin: { name: "admin", token: plane.adminToken },
    outsider: OUTSIDER,
    namespace: (name) => plane.namespace(name),
    // It remembers what it has seen since its start.
    forget: () => plane.restart(),
    grant: (namespace, rule) => grant(plane, namespace, rule),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A Role and its binding; waits until the API server, which reads them from a cache, knows of both. */
async function grant(plane: ControlPlane, namespace: string, rule: Rule): Promise<void> {
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const name = crypto.randomUUID();
  const leases = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
  await done(plane, `${rbac}/roles`, { metadata: { name }, rules: [{ ...leases, ...rule }] });
  await done(plane, `${rbac}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
    subjects: [{ kind: "User", name: OUTSIDER.name, apiGroup: "rbac.authorization.k8s.io" }],
  });
  const spec = {
    resourceAttributes: {
      namespace,
      verb: rule.verbs[0],
      group: "coordination.k8s.io",
      resource: "leases",
      name: rule.resourceNames?.[0] ?? "",
    },
  };
  const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const allowed = await poll(RIGHTS_LIMIT_MS, async () => {
    const { token } = OUTSIDER;
    const { body } = await plane.request<{ status: { allowed: boolean } }>(
      "POST",
      path,
      { spec },
      { token },
    );
    return body.status.allowed || undefined;
  });
  if (!allowed) throw new Error(`Cannot grant ${JSON.stringify(rule)}`);
}

async function done(plane: ControlPlane, path: string, body: unknown): Promise<void> {
  const answer = await plane.request("POST", path, body);
  if (answer.status !== 201) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
}

conformance("real", real, ignore);
