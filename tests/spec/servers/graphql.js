// A server of npm's graphql-ws: node graphql.js. Prints the port it listens on, and when an endless subscription ended.
// Whoever presents the token "wrong" is refused.
const { GraphQLSchema, GraphQLObjectType, GraphQLString, GraphQLInt } = require("graphql");
const { makeServer, CloseCode } = require("graphql-ws");
const { WebSocketServer } = require("ws");

async function* count(to) {
  for (let n = 1; n <= to; n++) yield { count: n };
}

// One tick, and then nothing, until nobody listens any more.
function forever() {
  let ticks = 0;
  return {
    [Symbol.asyncIterator]() { return this; },
    next: () => (ticks++ ? new Promise(() => {}) : { value: { tick: "one" } }),
    return: () => {
      console.log("tick ended");
      return { done: true };
    },
  };
}

const args = { to: { type: GraphQLInt } };
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: "Query",
    fields: {
      hello: { type: GraphQLString, resolve: (_, __, { extra }) => extra.token ?? "nobody" },
      broken: { type: GraphQLString, resolve: () => { throw new Error("it is broken"); } },
    },
  }),
  subscription: new GraphQLObjectType({
    name: "Subscription",
    fields: {
      count: { type: GraphQLInt, args, subscribe: (_, { to }) => count(to) },
      tick: { type: GraphQLString, subscribe: forever },
    },
  }),
});

const server = makeServer({
  schema,
  context: (context) => context,
  onConnect: ({ connectionParams, extra }) => {
    extra.token = connectionParams?.Authorization;
    return extra.token !== "Bearer wrong";
  },
});
const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: (offered) =>
  offered.has("graphql-transport-ws") && "graphql-transport-ws" });
sockets.on("listening", () => console.log(sockets.address().port));
sockets.on("connection", (socket) => {
  const closed = server.opened({
    protocol: socket.protocol,
    send: (data) => new Promise((done, fail) => socket.send(data, (error) => (error ? fail(error) : done()))),
    close: (code, reason) => socket.close(code, reason),
    onMessage: (take) => socket.on("message", async (data) => {
      try {
        await take(data.toString());
      } catch (error) {
        socket.close(CloseCode.InternalServerError, error.message);
      }
    }),
  }, {});
  socket.once("close", (code, reason) => closed(code, reason.toString()));
});
