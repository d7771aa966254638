// Node 20 lacks one function that libp2p calls; load this first: node --import ./polyfill.mjs peer.mjs
Promise.withResolvers ??= function () {
  const out = {}
  out.promise = new this((resolve, reject) => Object.assign(out, { resolve, reject }))
  return out
}
