/**
 * What the controllers of a cluster would do: Pods made from the template of the Deployment. A control
 * plane for tests has no controllers.
 *
 * @module
 */
import type { ControlPlane } from "../control_plane/control_plane.ts";
import type { KubeObject } from "./kubectl.ts";

/** As far as the tests read it. */
export interface PodSpec {
  serviceAccountName: string;
  automountServiceAccountToken: boolean;
  terminationGracePeriodSeconds: number;
  hostNetwork?: boolean;
  securityContext: {
    runAsNonRoot?: boolean;
    runAsUser?: number;
    runAsGroup?: number;
    seccompProfile?: { type: string };
  };
  topologySpreadConstraints: { topologyKey: string; labelSelector: Selector }[];
  containers: [Container];
  volumes?: Volume[];
}

/** The one container. */
export interface Container {
  image: string;
  command?: string[];
  args: string[];
  env: EnvVar[];
  ports: { name: string; containerPort: number }[];
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
  startupProbe: Probe;
  readinessProbe: Probe;
  livenessProbe: Probe;
  resources: { requests: Record<string, string>; limits: Record<string, string> };
  securityContext: {
    privileged?: boolean;
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem?: boolean;
    capabilities?: { drop?: string[]; add?: string[] };
  };
}

/** How the kubelet asks; the API server fills in what the manifest leaves out. */
export interface Probe {
  httpGet: { path: string; port: string };
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
}

/** Labels that select. */
export interface Selector {
  matchLabels: Record<string, string>;
}

interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { fieldRef?: { fieldPath: string } };
}

interface Volume {
  name: string;
  hostPath?: { path: string };
  emptyDir?: { medium?: string; sizeLimit?: string };
  projected?: { sources: { serviceAccountToken?: { expirationSeconds: number } }[] };
}

/** As far as the tests read it. */
export type Deployment = KubeObject<{
  replicas: number;
  selector: Selector;
  strategy: { type: string; rollingUpdate: { maxSurge: number; maxUnavailable: number } };
  template: { metadata: { labels: Record<string, string> }; spec: PodSpec };
}>;

/** As far as the tests read it. */
export type Pod = KubeObject<PodSpec>;

/** The Deployment as the API server has it. */
export async function readDeployment(plane: ControlPlane, namespace: string): Promise<Deployment> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/k8sensus`;
  return (await plane.request<Deployment>("GET", path)).body;
}

/**
 * Makes a Pod of the Deployment.
 *
 * @param change Makes it another one than the template says.
 * @returns The Pod with what admission has added; or, where it is refused, why.
 */
export async function createPod(
  plane: ControlPlane,
  namespace: string,
  name: string,
  change: (spec: PodSpec) => void = () => {},
): Promise<Pod | string> {
  const { spec: { template } } = await readDeployment(plane, namespace);
  change(template.spec);
  const { labels } = template.metadata;
  const pod = { metadata: { name, labels }, spec: template.spec };
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const { status, body } = await plane.request<Pod & { message: string }>("POST", path, pod);
  return status === 201 ? body : body.message;
}
