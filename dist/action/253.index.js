"use strict";exports.id=253,exports.ids=[253],exports.modules={5253:(e,t,n)=>{n.d(t,{appendInstruction:()=>r,s:()=>a});let o=`

---
Respond with one JSON document that matches the JSON Schema below, and with nothing else: no text before or after it, no Markdown around it.
JSON Schema:
`;function r(e,t){return`${e}${o}${t}`}function a(e){let t=e.map(e=>`- ${e.replaceAll(/\s+/g," ")}`).join("\n");return`Your response does not match the JSON Schema:
${t}
Send the whole JSON document again, corrected, and nothing else: no text before or after it, no Markdown around it.`}}};