/**
 * The least that a Deno process of this kind can be: it serves over HTTP and holds one watch.
 *
 * Arguments: address of the API server, namespace, Lease, and the files of CA and token.
 *
 * @module
 */
if (import.meta.main) {
  const [server, namespace, lease, caPath, tokenPath] = Deno.args as [
    string,
    string,
    string,
    string,
    string,
  ];
  Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("ok\n"));
  const client = Deno.createHttpClient({
    caCerts: [await Deno.readTextFile(caPath)],
    http1: true,
    http2: false,
  });
  const query = "watch=1&allowWatchBookmarks=true&sendInitialEvents=true" +
    `&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name%3D${lease}`;
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases?${query}`;
  const response = await fetch(server + path, {
    headers: { authorization: `Bearer ${await Deno.readTextFile(tokenPath)}` },
    client,
  });
  if (!response.ok || response.body === null) throw new Error(`watch: ${response.status}`);
  console.error(JSON.stringify({ time: new Date().toISOString(), event: "watching" }));
  let bytes = 0;
  for await (const chunk of response.body) bytes += chunk.length;
  throw new Error(`the watch has ended after ${bytes} bytes`);
}
