// `npm run mailbox [port]`: an SMTP server that takes every mail, sends it nowhere, and prints who it is for and its text.
import { prepareOrExit } from './prepare.mjs';

await prepareOrExit({ build: false });
const { SMTPServer } = await import('smtp-server');
const { default: PostalMime } = await import('postal-mime');
const port = Number(process.argv[2] ?? 2525);

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  disableReverseLookup: true,
  async onData(stream, _session, done) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const { to = [], subject, text } = await PostalMime.parse(Buffer.concat(chunks));
    console.log(`\nTo: ${to.map(({ address }) => address).join(', ')}\nSubject: ${subject}\n\n${text?.trim()}\n`);
    done();
  },
});
// A client that goes away in the middle is no reason to end.
server.on('error', (error) => console.error(error.message));
server.listen(port, '127.0.0.1', () => console.log(`Mails to smtp://127.0.0.1:${port} are shown here.`));
