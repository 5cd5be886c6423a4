/** How the events of a stream add up to the answer as it would have come whole. */
export function foldOf(name) {
    return name === undefined ? null : new FOLDS[name]();
}
/** OpenAI's chunks: the deltas of each choice are added to its message. */
class ChatFold {
    #whole;
    #choices = [];
    add(event) {
        const { choices, ...rest } = fields(event);
        this.#whole ??= { ...rest, object: 'chat.completion', choices: this.#choices };
        if (rest['usage'] !== undefined && rest['usage'] !== null)
            this.#whole['usage'] = rest['usage'];
        for (const choice of items(choices)) {
            const { index, delta, ...about } = choice;
            const known = (this.#choices[Number(index ?? 0)] ??= {
                index: index ?? 0,
                message: { role: 'assistant' },
                finish_reason: null,
            });
            merge(known['message'], fields(delta));
            addAbout(known, about);
        }
    }
    whole() {
        return this.#whole;
    }
}
/** Chunks of text. */
class CompletionFold {
    #whole;
    #choices = [];
    add(event) {
        const { choices, ...rest } = fields(event);
        this.#whole ??= { ...rest, choices: this.#choices };
        if (rest['usage'] !== undefined && rest['usage'] !== null)
            this.#whole['usage'] = rest['usage'];
        for (const choice of items(choices)) {
            const { index, text, ...about } = choice;
            const known = (this.#choices[Number(index ?? 0)] ??= { index: index ?? 0, text: '', finish_reason: null });
            known['text'] = `${String(known['text'])}${typeof text === 'string' ? text : ''}`;
            addAbout(known, about);
        }
    }
    whole() {
        return this.#whole;
    }
}
/** OpenAI's Responses: items of output, their parts and deltas; the last event has the whole response. */
class ResponsesFold {
    #whole;
    add(event) {
        const said = fields(event);
        if (typeof said['response'] === 'object' && said['response'] !== null) {
            const output = this.#whole?.['output'];
            this.#whole = { ...said['response'] };
            if (items(this.#whole['output']).length === 0 && output !== undefined)
                this.#whole['output'] = output;
            return;
        }
        if (this.#whole === undefined)
            return;
        const output = listOf(this.#whole, 'output');
        const at = Number(said['output_index'] ?? -1);
        if (at < 0)
            return;
        if ('item' in said)
            output[at] = { ...fields(said['item']) };
        else if (output[at] !== undefined)
            this.#addTo(output[at], said);
    }
    #addTo(item, said) {
        const kind = String(said['type']);
        const isArguments = kind === 'response.function_call_arguments.delta';
        if (isArguments)
            return void (item['arguments'] = text(item['arguments']) + text(said['delta']));
        const isSummary = kind.startsWith('response.reasoning_summary');
        const parts = listOf(item, isSummary ? 'summary' : 'content');
        const at = Number(said[isSummary ? 'summary_index' : 'content_index'] ?? -1);
        if (at < 0)
            return;
        if ('part' in said)
            parts[at] = { ...fields(said['part']) };
        else if (kind.endsWith('.delta')) {
            const part = (parts[at] ??= {
                type: kind.includes('refusal') ? 'refusal' : isSummary ? 'summary_text' : 'output_text',
            });
            const name = kind.includes('refusal') ? 'refusal' : 'text';
            part[name] = text(part[name]) + text(said['delta']);
        }
    }
    whole() {
        return this.#whole;
    }
}
/** Anthropic's Messages: content blocks and their deltas. */
class MessagesFold {
    #whole;
    #json = new Map();
    add(event) {
        const said = fields(event);
        if (said['type'] === 'message_start')
            this.#whole = { ...fields(said['message']), content: [] };
        if (this.#whole === undefined)
            return;
        const content = listOf(this.#whole, 'content');
        const at = Number(said['index'] ?? 0);
        switch (said['type']) {
            case 'content_block_start':
                content[at] = { ...fields(said['content_block']) };
                break;
            case 'content_block_delta':
                this.#delta((content[at] ??= {}), at, fields(said['delta']));
                break;
            case 'content_block_stop':
                this.#closeJson(content[at], at);
                break;
            case 'message_delta':
                Object.assign(this.#whole, fields(said['delta']));
                this.#whole['usage'] = { ...fields(this.#whole['usage']), ...fields(said['usage']) };
        }
    }
    #delta(block, at, delta) {
        for (const [name, value] of Object.entries(delta)) {
            if (name === 'type')
                continue;
            if (name === 'partial_json')
                this.#json.set(at, (this.#json.get(at) ?? '') + text(value));
            else if (name === 'citation')
                listOf(block, 'citations').push(value);
            else if (typeof value === 'string')
                block[name] = text(block[name]) + value;
        }
    }
    #closeJson(block, at) {
        const json = this.#json.get(at);
        if (block === undefined || !json)
            return;
        try {
            block['input'] = JSON.parse(json);
        }
        catch {
            block['input'] = json; // cut in the middle: as far as it came
        }
    }
    whole() {
        return this.#whole;
    }
}
const FOLDS = {
    chat: ChatFold,
    completion: CompletionFold,
    responses: ResponsesFold,
    messages: MessagesFold,
};
/** Text whose pieces replace one another instead of adding up. */
const WHOLE_WORDS = new Set(['id', 'type', 'role', 'name', 'object']);
function merge(into, delta) {
    for (const [name, value] of Object.entries(delta)) {
        if (value === undefined || name === '__proto__' || (value === null && into[name] !== undefined))
            continue;
        const known = into[name];
        if (typeof value === 'string' && typeof known === 'string' && !WHOLE_WORDS.has(name))
            into[name] = known + value;
        else if (Array.isArray(value))
            mergeList(listOf(into, name), value);
        else if (typeof value === 'object' && value !== null) {
            const inner = { ...fields(known) };
            merge(inner, value);
            into[name] = inner;
        }
        else
            into[name] = value;
    }
}
function mergeList(into, pieces) {
    for (const piece of pieces) {
        const { index, ...rest } = fields(piece);
        if (typeof index !== 'number')
            into.push(piece);
        else
            merge((into[index] ??= {}), rest);
    }
}
/** A choice's other fields: lists of log probabilities add up, the reason to finish is the last one that is said. */
function addAbout(choice, about) {
    for (const [name, value] of Object.entries(about)) {
        if (name === 'logprobs' && value !== null && typeof value === 'object') {
            const known = { ...fields(choice[name]) };
            for (const [kind, list] of Object.entries(value)) {
                if (Array.isArray(list))
                    known[kind] = [...items(known[kind]), ...list];
            }
            choice[name] = known;
        }
        else if (value !== null || choice[name] === undefined)
            choice[name] = value;
    }
}
function fields(value) {
    return typeof value === 'object' && value !== null ? value : {};
}
function items(value) {
    return Array.isArray(value) ? value : [];
}
function listOf(owner, name) {
    if (!Array.isArray(owner[name]))
        owner[name] = [];
    return owner[name];
}
function text(value) {
    return typeof value === 'string' ? value : '';
}
