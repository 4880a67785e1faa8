// A policy in the fragment of an address: deflated JSON in base64url. A fragment is never sent to a server.
"use strict";
const policyLink = {
  longest: 1 << 18, // letters of a policy; a link that unfolds to more is none

  async pack(policy) {
    const bytes = new TextEncoder().encode(JSON.stringify(policy));
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
    const packed = new Uint8Array(await new Response(stream).arrayBuffer());
    let letters = "";
    for (const byte of packed) letters += String.fromCharCode(byte);
    return `policy=${btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
  },

  // Returns the policy of a fragment, or null where there is none; throws an Error with a sentence when it is damaged.
  async unpack(fragment) {
    const match = /^#?policy=([A-Za-z0-9_-]+)$/.exec(fragment);
    if (match === null) return null;
    try {
      const letters = atob(match[1].replaceAll("-", "+").replaceAll("_", "/"));
      const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
      const reader = stream.getReader();
      const decoder = new TextDecoder("utf-8", { fatal: true });
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        text += done ? decoder.decode() : decoder.decode(value, { stream: true });
        if (text.length > policyLink.longest) throw new Error("too long");
        if (done) break;
      }
      const policy = JSON.parse(text);
      if (typeof policy !== "object" || policy === null || !Array.isArray(policy.categories)) throw new Error("no policy");
      return policy;
    } catch {
      throw new Error("The policy in this link is damaged; copy the whole link again.");
    }
  },
};
