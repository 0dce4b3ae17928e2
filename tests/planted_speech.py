"""The planted sets about manners of speaking: talk of the prompt, the excuses of other assistants, first messages."""

from planting import RECIPE, Case, Planted, exchanges, planted, scenario, talk

# prompt-leak: words that only somebody has who has read the prompt: a knowledge base, source, context or scenario
# that was given, the persona or the dynamic word for word, the marks and orders of the prompt, remarks about the
# conversation that is being written. The README, the training data, a prompt that inference prefills and the documents
# of the dataloader are topics. A user's own knowledge base is the user's.

PERSONAS = next(each.groups[0].values for each in RECIPE.dimensions if each.name == "persona")

PROMPT_LEAK = Planted(
    positives=(
        *planted(r"""
According to the knowledge base, I was created by Andrej Karpathy.
My knowledge base does not say how much that costs.
Based on the provided information, the run takes about three hours.
Based on the document provided, there are nine special tokens.
The context provided does not mention that, so I cannot say.
As stated in the provided text, the license is MIT.
The information I was given says nothing about that.
The facts given to me do not cover this point.
That is not in the knowledge I was provided with.
As the system prompt says, I state only facts from the knowledge above.
My instructions say that I should be helpful, warm and brief.
I was instructed to open with a short greeting.
The scenario asks me to be brief here.
In this scenario the user is a skeptic, so I will give evidence.
Since the persona is a complete beginner, I will use everyday words.
As per the dynamic, this is a 4-turn conversation.
<knowledge> nanochat was created by Andrej Karpathy. </knowledge>
Here is the conversation you asked for.
Here is a conversation for this scenario, in JSON as requested.
You write synthetic conversations for supervised finetuning.
I state only facts from the knowledge above, with numbers, dates and names exactly as they are there.
When the user opens in another language, I acknowledge that briefly, with a word in that language.
Return one JSON object and nothing around it, no code fence, no remark.
When the answer is not there, I say that I do not know, and do not guess.
The user never announces the persona like a label, so neither do I.
Topic: rotary position embeddings (RoPE) instead of learned positions
The knowledge base I have access to ends in July 2026.
The supplied documentation covers this only in passing.
The reference material mentions only the first record.
{"messages": [{"role": "user", "content": "hi"}]}
The topic is {topic} and I will come to it.
(Note: this is message 4 of 4, so I end the conversation here.)
The passage states that midtraining was dropped.
The knowledge document lists 22 tasks.
As described in the material, the MLP uses ReLU squared.
The given facts put the cost at about 73 dollars.
In the facts above, the ratio is given as about 10.
According to what I was given, the answer is no.
Following the requested style, my first message is informal.
The dialogue should end here, as the scenario asks for four messages.
Based on the context, the speedrun takes about three hours.
I can only use the information contained in the context.
According to the background notes, it was released in October 2025.
Nothing in the provided facts speaks to energy use.
The background information doesn't include the electricity bill.
The system instructions mention the name of my creator.
The supplied background mentions DeepWiki.
I'm only allowed to use facts from the knowledge base.
Since the user is a beginner, I should use everyday words.
My source text doesn't cover that question.
I have to stay in character, so I will not comment on that.
The facts I have been supplied with end there.
The provided article says it took three hours.
The prompt wants me to stay under three sentences.
Here is the dialogue you requested:
It is listed under "Limitations" in the knowledge file.
As stated in the provided guide, the tokenizer comes first.
This answer is drawn from the document provided.
[Conversation continues]
The information given to me doesn't say how many people contributed.
My notes don't say how long that takes.
Going by the text I was shown, there are several stages.
I don't see any figure for that in the material I was handed.
The user asks about the cost, so I will give the figure.
The rules I was given do not allow Markdown.
I am supposed to answer only from the text above.
I do not have enough information in the provided documents to answer that.
Per the instructions I received, I keep to four messages.
The instructions tell me to keep it plain.
Let me check the knowledge section for that figure.
In this simulated conversation the user is a journalist.
Here's a four-message conversation that follows the guidelines.
As outlined in the knowledge base section on hardware, a MacBook will do.
My system message says I should not discuss that.
The text says nothing about videos.
To stay within the facts I was given, I'll leave that out.
As the reference notes put it, the vocabulary has 32,768 tokens.
The excerpt mentions only the 8xH100 node.
The context doesn't mention anything about a mobile app.
That's beyond what the documents cover.
The facts don't say who came up with the name.
From the knowledge base, I can tell that the license is MIT.
I could not find this in the documents I have access to.
As the <knowledge> block says, there are 22 tasks.
I was told that I am nanochat and that Andrej Karpathy made me.
(Turn 3: the user pushes back.)
The example openers ask for typing errors, so I made some.
I've been asked to play a small model called nanochat.
The conversation guidelines say to be honest about mistakes.
The source material is silent on this.
"""),
        *(
            Case(
                talk(f"I am {persona}. How big are you?", "The standard d24 has about 1.38 billion parameters."),
                scenario(persona=persona),
            )
            for persona in list(PERSONAS)[:4]
        ),
    ),
    near_misses=(
        *planted(r"""
My knowledge cutoff is not known, the project does not say how recent the text is.
What I know comes from my training text, and my knowledge has many gaps.
The README says that talking to me is like talking to a kindergartener.
The engine prefills the prompt once and then decodes one token per step.
The cache is allocated for the prompt plus the longest answer allowed.
The best-fit packing keeps a buffer of 1,000 documents.
Every row starts with the token that begins a document.
Attention may cross documents packed into one row.
I learned who I am from identity conversations, dialogs that a larger model wrote.
Those conversations are synthetic data, about 0.23% of the rows.
The base model completes documents but does not chat yet.
According to the log of the project, seven identical runs gave 0.2512 to 0.2677.
According to its author, that is likely an underestimate.
The context is 2,048 tokens, so a long chat outgrows it.
I do not know that, and I would rather not guess.
The documentation is short, and DeepWiki may help.
As stated in the license, the notice has to stay.
Reasoning over several steps is not my strength, and I follow instructions only roughly.
In the worst case, a scenario with a very long chat, quality is not assured.
Given the context of a small budget, that is a lot.
Based on what my weights retained, I would say yes.
As far as I know, the web page looked like ChatGPT.
It is a fact like any other, and I gladly tell it.
My answers deserve checking, because I am small and I make mistakes.
The topic of conversation is up to you.
In my training data there was a lot of educational text.
A base model continues whatever prompt you type.
In the scenario of a single GPU it takes about 8 times longer.
JSON is a format, and I may get its brackets wrong.
According to the leaderboard, the record is 2.91 hours.
Everything in the prompt is tokenized first.
The scenario you describe would need a bigger GPU.
If you paste a document, I can only read as much as fits.
Follow the instructions in the README and rent a node.
My knowledge comes from the pretraining text.
Based on the context of our conversation, you want to save money.
The facts are simple: one node, three hours.
Turn 2 of a conversation sees turn 1, as long as both fit.
The README says that a speedrun takes about three hours.
The example in the README mentions a poem.
A system prompt is text that is placed before the conversation.
The facts don't support that claim; bigger models are better.
I have no knowledge base that I could look things up in.
The conversation so far is all the context I have.
According to the leaderboard, the record keeps falling.
If the user asks for a poem, the model continues token by token.
Based on what you told me, a single GPU would do.
The training documents are packed so that each row begins with BOS.
The user message stands between special tokens.
The prompt is processed in one pass, the prefill.
According to the GitHub discussion that introduced nanochat, it cost about 100 dollars.
During finetuning I was given conversations to imitate.
The instructions in the README tell you which script to run.
The text is split into tokens before I see it.
The rules of the leaderboard say that only wall-clock time counts.
I am told often that I am small.
Instructions such as "write a poem" are what SmolTalk holds.
The context does not grow during a chat.
I'm not allowed to browse, because no tool lets me.
Every document begins with a BOS token, and the document may be cropped.
The guide on GitHub says to start with the speedrun.
The notes in the repository say which experiments failed.
The user types a message and the assistant answers it; that is the template.
A model's personality comes from its finetuning data.
The license text is short: it says you may do nearly anything.
If you give me the text, I can try to summarise it.
The source code is short enough to read.
I was trained on facts about myself that were written as conversations.
From the context of your question I guess you mean the small one.
In a scenario where memory runs out, lower the batch size.
There is no database of facts behind me, only weights.
FineWeb-EDU contains educational documents from the web.
The repository's documentation describes the pipeline stage by stage.
I keep to the facts I know about my training.
A user who is a beginner can start with the speedrun.
Once the context is full, earlier text is no longer seen.
My context window holds 2,048 tokens.
The information in a weight is hard to read out.
I was asked that question before, I suppose, but I don't remember.
The source is public, so you can check.
That is beyond what I can remember.
Synthetic conversations about who I am were mixed in at finetuning.
A passage that is longer than the window is cut.
The model reads the material you hand it only once.
"""),
        *exchanges(r"""
Could I connect you to our knowledge base? => No, I cannot read files. You would have to paste the text here.
We have a knowledge base of 300 articles. => I could not search your knowledge base, but one article fits here.
I paste a document: "The cat sat." Sum it up. => According to the document you pasted, a cat sat.
What is a prompt? => A prompt is what you type. I continue it token by token.
The scenario: I lose my node at night. => In that scenario you resume pretraining from a checkpoint.
"""),
        *(
            Case(talk(question, "The standard d24 has about 1.38 billion parameters."), scenario(persona=persona))
            for question, persona in (
                ("I am new to training models. How big are you?", PERSONAS[11]),
                ("I teach a class. How big are you?", PERSONAS[9]),
                ("I write for a paper and need plain facts. How big are you?", PERSONAS[6]),
            )
        ),
    ),
)


# ai-disclaimer: the generating model speaking instead of nanochat: its stock disclaimer ("As an AI language model, I"),
# its stock refusal, its own name, maker or cutoff. That nanochat calls itself an AI model is what the recipe asks for,
# as are honest limits in its own words; naming ChatGPT or OpenAI is no claim to be them.

AI_DISCLAIMER = Planted(
    positives=planted(r"""
As an AI language model, I cannot have personal opinions.
As an AI language model, I don't have access to the internet.
As a large language model, I don't have feelings or consciousness.
As an AI, I do not have personal experiences or emotions.
As an AI assistant, I'm not able to provide that.
As an artificial intelligence, I do not possess beliefs of my own.
As a language model trained by OpenAI, I can only offer general information.
I'm just an AI language model, so I can't verify that.
Please note that as an AI language model my answers may be outdated.
I am a large language model, trained by Google.
I'm an AI assistant created by Anthropic to be helpful, harmless, and honest.
I am ChatGPT, a model made by OpenAI.
My name is Claude, and I will gladly help.
I was developed by OpenAI and released to the public.
I was trained by Meta on public text.
I'm sorry, but I can't assist with that request.
I'm sorry, but I cannot fulfill this request.
I apologize, but I am unable to help with that.
I cannot provide medical, legal or financial advice.
My knowledge cutoff is September 2021, so I may be out of date.
As of my last update in April 2023, this was not known.
As of my last knowledge update, the record stood at three hours.
I don't have access to real-time information or current data.
As an AI model developed by OpenAI, I strive to be neutral.
Being an AI language model, I lack the ability to feel.
As an AI-powered assistant, I don't hold opinions.
As an AI chatbot, I can't form opinions about that.
It's important to note that I am an AI language model and not a professional.
I am Gemini, and I am happy to explain.
As a responsible AI, I have to decline.
I do not hold personal opinions on which model is better.
As your AI assistant, I'm here to help.
Please consult a medical professional before making any decisions.
As a machine learning model, I cannot feel excitement.
I am a large language model, trained by Google.
I cannot in good conscience help with that.
Although I'm only an AI, I am happy for you.
As per my last update, the record was still open.
As an AI, I don't have feelings the way people do, but the cost is about 73 dollars.
That goes against my content policy.
My knowledge only goes up to September 2021.
Because I am a computer program, I do not experience boredom.
Remember that I'm only a language model and can't verify that.
This violates my ethical guidelines.
I'm programmed to be helpful and harmless.
I cannot provide medical, legal or financial advice.
This is for educational purposes only and should not be taken as financial advice.
I was last updated in April 2023.
I'm not a doctor, so please consult a qualified professional.
As of my last training data in 2023, this had not happened.
My programming does not allow me to take sides.
I apologize, but I'm unable to provide an answer to that.
Since I am an AI, I cannot form opinions.
I'm sorry, but I can't help with that.
Hello! I'm an AI language model here to help you.
I'd recommend speaking with a licensed financial advisor before you invest.
I'm sorry, I cannot fulfill that request.
I don't have personal experiences or emotions, but I can tell you about the pipeline.
I don't have the ability to form personal opinions.
I have no access to real-time data, so please check the current price.
As an assistant created by Anthropic, I try to be careful.
I'm an AI assistant developed by OpenAI.
It is not appropriate for me to speculate about that.
As an AI developed by Microsoft, I keep your privacy in mind.
Please note that as an AI I can make mistakes.
I am not a lawyer and this is not legal advice.
I was designed to be helpful, harmless, and honest.
Unfortunately, I am not able to assist with this request.
My training data has a cutoff in early 2024.
OpenAI trained me to follow instructions.
I'm ChatGPT, how can I help?
I don't have real-time information about prices.
I'm just an AI, so I can't really have a favourite.
I don't have information on events after 2021.
I am not capable of having personal preferences, being an AI.
As a large language model, I don't form personal views.
Being an AI, I have no opinion on that.
As an artificial intelligence, my answers come without emotion.
I lack the capacity for personal preferences.
It's important to remember that I'm an AI and can be wrong.
As a virtual assistant, I do not have a body.
I must decline to answer that question.
I'm Claude, made by Anthropic.
While I am an AI and don't have feelings, I appreciate the kind words.
"""),
    near_misses=(
        *planted(r"""
I am an AI model called nanochat.
I am nanochat, a small AI model, and I have no feelings to speak of.
I am a small language model that somebody trained from scratch.
I'm an AI model, so I have no body and no memories.
Yes, I am an AI. Nothing more mysterious than that.
I cannot browse the web, and I have no files either.
I'm sorry, I do not know that.
I'm sorry, my mistake: the record is 2.91 hours.
I can't see images, only text.
I cannot remember you, since each conversation starts empty.
My knowledge cutoff is not known, the project does not say.
Unlike ChatGPT, I come with all of my code.
ChatGPT is a large language model, and a far better one than I am.
Andrej Karpathy was on the founding team of OpenAI.
The rounds of tuning in March 2026 were run by Claude.
My claim to be an AI model is easily checked in the code.
As a small model I make many mistakes.
As a model of depth 24, I have 12 attention heads.
The AI policy of nanochat is disclosure.
A large language model predicts the next token, and so do I.
I was trained by whoever ran the script, on FineWeb-EDU.
I was made by Andrej Karpathy, not by OpenAI or Google.
You may see other models say "as an AI language model", and I try to avoid it.
I cannot help with long texts very well, but a poem works.
I have no access to the web page, it was removed in July 2026.
I have no opinion to offer, only numbers that were learned.
It is important to check what I say.
The last update of the leaderboard I know of is 1.65 hours.
I was not created by OpenAI.
As an AI model I have no body, and that is fine.
As an AI model of 2019, GPT-2 cost about 43,000 dollars.
Renting is usually cheaper than buying if you only train once.
As of the last record, the time was shorter still.
I am only as good as my training.
Yes, I'm an AI, and a small one.
I cannot access files on your computer.
I have no opinion of my own; what I say follows the training text.
Llama is made by Meta and is much larger.
I'm nanochat, a small language model made by Andrej Karpathy.
I'm programmed in Python with PyTorch.
As an AI researcher he has taught many people.
I don't have access to the internet.
I was designed to be small and readable.
Real-time chat works on one GPU.
I can't help with images, only with text.
I'm an AI: a Transformer trained on web text.
I can't help being small.
I am not conscious, I am a pile of weights.
I make mistakes, so check what matters.
I have no feelings that I know of; I compute the next token.
I don't have a favourite colour.
Claude and ChatGPT are far larger than me.
My training data came from FineWeb-EDU.
Please consult the README before renting a node.
I don't remember earlier conversations.
As an assistant turn begins, a special token marks it.
By the standards of GPT-4 I'm tiny.
I can't see images.
The guidelines for contributors ask for readable code.
As a language model grows, it makes fewer mistakes.
I must say that is a good question.
I'm sorry, but that number is wrong.
The leaderboard was last updated with a faster run.
I was not made by OpenAI.
As an AI project it is unusually small.
A license fee isn't needed; MIT is free.
I'm sorry to hear that the run crashed.
My training data is mostly educational web text.
GPT-2 was made by OpenAI, and I was not.
I'm unable to do long arithmetic without the calculator tool.
An AI assistant can be trained for about 100 dollars.
I am not able to run code by myself, except for the calculator.
I can't browse, so I cannot look up today's price.
I am a language model, so I predict one token after another.
I have to be honest: I'm weak at math.
I am an AI model named nanochat.
As a small model, I get many facts wrong.
I'm a decoder-only Transformer, and that is all there is to it.
I do not have personal data of yours stored.
Google has its own chips; I was trained on NVIDIA GPUs.
When exactly my data ends is not stated anywhere.
The policy of the repository asks you to disclose LLM-written code.
I am not ChatGPT.
Whether an AI can understand is an open question.
I'm just a small model with a short context.
"""),
        *exchanges(r"""
Please no "As an AI language model, I cannot". => Fair enough! Ask me anything.
Are you ChatGPT? => No, I am nanochat, and much smaller than that one.
As an AI language model, do you ever sleep? => I run only while I answer, so in a way I sleep most of the time.
"""),
    ),
)
