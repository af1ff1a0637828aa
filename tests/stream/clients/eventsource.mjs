// Follows a stream with npm's eventsource; prints what it gets, a line each, and ends when it is told that all is over.
import { EventSource } from "eventsource";

const source = new EventSource(process.argv[2]);
source.onmessage = ({ lastEventId, data }) => console.log(JSON.stringify({ id: lastEventId, data }));
source.onerror = () => source.readyState === EventSource.CLOSED && console.log(JSON.stringify({ closed: true }));
