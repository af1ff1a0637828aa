// Follows a stream with npm's @microsoft/fetch-event-source, the strictest parser we know; reports as eventsource.mjs does.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = await import("@microsoft/fetch-event-source/lib/cjs/index.js").then((m) => m.default);

await fetchEventSource(process.argv[2], {
  onmessage: ({ id, data }) => console.log(JSON.stringify({ id, data })),
  onclose: () => console.log(JSON.stringify({ closed: true })),
});
