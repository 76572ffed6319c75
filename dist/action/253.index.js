"use strict";exports.id=253,exports.ids=[253],exports.modules={5253:(t,e,o)=>{o.d(e,{appendInstruction:()=>r});let n=`

---
Respond with one JSON document that matches the JSON Schema below, and with nothing else: no text before or after it, no Markdown around it.
JSON Schema:
`;function r(t,e){return`${t}${n}${e}`}}};