import { resolve } from '../core/client';
import { at, objectAt } from '../core/json';
import { asks, type Chapter, each, isUnseen, watches } from '../core/rules';
import { hrefOf } from '../core/seen';
import { pathOf } from '../core/world';

const DATE = /^\d{4}-\d\d-\d\d/;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$|^\d{4}-\d\d-\d\d$/;

export const recommendationChapter: Chapter = {
  id: 'RCM',
  title: 'Recommendations',
  rules: [
    asks('RCM-1', 'REC', 'URLs are /type/id, /type/id/name and /type/id/relationships/name', async (t) => {
      for (const { answer, items, url } of t.world.collections)
        for (const [i, item] of items.entries()) {
          const self = hrefOf(at(item, 'links', 'self'));
          if (self === undefined) continue;
          const own = pathOf(resolve(self, url));
          t.expect(own === `${pathOf(url)}/${item.id}`, `${pathOf(url)}/${item.id}`, answer, `/data/${i}/links/self`);
          for (const [name, relationship] of Object.entries(objectAt(item, 'relationships'))) {
            const wanted = { self: `${own}/relationships/${name}`, related: `${own}/${name}` };
            for (const [which, href] of Object.entries(wanted)) {
              const link = hrefOf(at(relationship, 'links', which));
              // A related link may be a filtered collection as well, the page says.
              if (link === undefined || link.includes('?')) continue;
              t.expect(resolve(link, url) === href, href, answer, `/data/${i}/relationships/${name}/links/${which}`);
            }
          }
        }
    }),
    asks('RCM-2', 'REC', 'The last segment of a collection is its type', async (t) => {
      for (const { answer, type, url } of t.world.collections)
        if (type !== undefined) t.expect(pathOf(url).endsWith(`/${type}`), `…/${type}`, answer, '/data/0/type');
    }),
    watches(
      'RCM-3',
      'REC',
      'Dates and times are ISO 8601',
      each(
        ({ resources }) =>
          resources.flatMap(({ value, at: place }) =>
            Object.entries(objectAt(value, 'attributes')).flatMap(([name, date]) =>
              typeof date === 'string' && DATE.test(date) ? [{ value: date, at: `${place}/attributes/${name}` }] : [],
            ),
          ),
        (date) => RFC_3339.test(date),
        'a date or a time with its zone',
      ),
    ),
    isUnseen('RCM-5', 'REC', 'A long task is a job with a URL', 'nobody can tell what a server does later'),
  ],
};
