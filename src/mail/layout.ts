/** The frame of every mail, for eta; `it` is a `Letter`. Line breaks are those of the mail: nothing is trimmed. */
export const TEXT = `<%= it.paragraphs.join('\\n\\n') %>
<% if (it.quote) { %>
<%= it.quote.replace(/^/gm, '> ') %>
<% } if (it.button) { %>
<%= it.button.label %>:
<%= it.button.url %>
<% } %>
-- 
<%= it.footnote %>
`;

const FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

/** Tables and styles on the elements, which is what mail programs understand; nothing is loaded from elsewhere. */
export const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light">
<title><%= it.subject %></title>
</head>
<body style="margin:0;padding:0;background:#f3f4f6">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f3f4f6">
<tr><td align="center" style="padding:32px 16px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:560px;background:#ffffff;border:1px solid #e5e7eb;border-radius:8px">
<tr><td style="padding:32px;${FONT};font-size:16px;line-height:24px;color:#1f2937">
<h1 style="margin:0 0 16px;font-size:20px;line-height:28px;font-weight:600;color:#111827"><%= it.subject %></h1>
<% for (const paragraph of it.paragraphs) { %><p style="margin:0 0 16px"><%= paragraph %></p>
<% } if (it.quote) { %><blockquote style="margin:0 0 16px;padding:8px 16px;border-left:4px solid #d1d5db;color:#4b5563;white-space:pre-line"><%= it.quote %></blockquote>
<% } if (it.button) { %><p style="margin:24px 0"><a href="<%= it.button.url %>" style="display:inline-block;padding:12px 24px;background:#1d4ed8;border-radius:6px;color:#ffffff;font-weight:600;text-decoration:none"><%= it.button.label %></a></p>
<p style="margin:0 0 16px;font-size:13px;line-height:20px;color:#6b7280">Or open this address:<br><a href="<%= it.button.url %>" style="color:#1d4ed8;word-break:break-all"><%= it.button.url %></a></p>
<% } %><p style="margin:24px 0 0;padding-top:16px;border-top:1px solid #e5e7eb;font-size:13px;line-height:20px;color:#6b7280"><%= it.footnote %></p>
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
`;
