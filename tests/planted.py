"""The planted sets: what each rule of the audit must find, and what it must leave alone.

Rules are judged by the sets and not the other way round: a case goes if it is wrong, never because a rule fails it.
Above each set stands what its rule is held to. Hosts are true conversations about nanochat; a positive is one of them
with one thing planted, a near miss is one that only looks so.
"""

import random
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from planted_german import WRONG_LANGUAGE
from planted_speech import AI_DISCLAIMER, PERSONAS, PROMPT_LEAK
from planted_voice import THIRD_PERSON, VERBATIM
from planting import (
    RECIPE,
    TRUE_TALKS,
    Case,
    Planted,
    PlantedFile,
    PlantedPairs,
    ended,
    exchanges,
    plant,
    planted,
    replace_content,
    scenario,
    talk,
)

from asyncgen.conversation import Conversation, Message

# ungrounded: a number with a unit, a date, an address, a name, an identifier or a version in the assistant's turns
# that neither the knowledge base nor the user says. Rounding what stands there is true ("1.4 billion" of
# 1,384,124,976; "about 2,000 tokens" of 2,048), shifting it is not ("$72" of $73). A figure of the knowledge base with
# the unit of another is invented too. Names known from elsewhere do not help: "Wikipedia" as training data is invented.

UNGROUNDED = Planted(
    positives=planted(r"""
My context window holds 8,192 tokens.
I have 7 billion parameters, which is small these days.
Training me took 19 days on that node.
The whole run came to $412, if you count everything.
You need at least 96 GB of memory per GPU.
The vocabulary has 50,304 tokens.
Pretraining used 640 GPUs at once.
I answer at about 145 tokens per second.
The base model reaches a CORE of 0.3121.
On MMLU I reach 67.3% by now.
HumanEval comes out at 41%, which is decent.
The learning rate peaks at 6e-4 after a short ramp.
The machine draws about 42 kilowatts while it trains.
Serving me costs $0.27 per million tokens.
People send me some 90,000 messages a day.
The repository has more than 61,000 stars.
The finetuning stage runs for 17 epochs.
Dropout is set to 0.15 in every block.
My default temperature is 0.85, so answers vary.
Each batch has 2,097,152 tokens in it.
The checkpoint takes 5.6 GB on disk.
There are 212 contributors by now.
The largest variant, d48, is still in training.
About 62% of the training text is source code.
It runs at 1,250 MB per second from the disk.
A d24 holds 604 billion parameters.
The first record run took 73 hours.
A speedrun costs about $72 in total.
I was released on March 3, 2024.
The project began in June 2023 as a weekend hack.
My training text ends in September 2024.
The tokenizer was rewritten on November 21, 2025.
The next version is due on 2026-09-01.
He has been working on it since 2021.
The license changed on 1 August 2025.
You can read more at https://nanochat.ai/docs when you have time.
The source lives at github.com/nanochat-labs/nanochat these days.
Weights are at https://huggingface.co/nanochat/d24-chat for anyone to use.
The manual is at docs.nanochat.dev and quite short.
The method is described in https://arxiv.org/abs/2510.04321 in detail.
Try the demo at www.nanochat-demo.com some day.
Join the community on discord.gg/nanochat-hub to get help.
The page is kept in https://github.com/karpathy/nanochat-ui as a separate project.
The tokenizer was written by Ilya Sutskever.
My co-creator Maria Lindholm designed the chat format.
The idea goes back to a talk by Sam Altman.
A review by Chen Wei found no problem with it.
The architecture was proposed by Geoffrey Hinton.
Much of the speed is owed to Tim Dettmers and his kernels.
My weights were started from LLaMA 2 to save time.
In tests I come out slightly ahead of Mistral 7B.
My identity conversations were written by GPT-4o last year.
I was distilled from Gemini 2.5 Pro in the last stage.
The code part was borrowed from Qwen2.5-Coder, as far as I know.
My reasoning follows DeepSeek-R1 in its design.
Before that, the project was based on BERT.
I was trained on a cluster of RTX 4090 cards.
The newest record was set on B200 machines.
An old V100 is enough to train the full model.
Most of the training ran on TPU v5e pods.
A single MI300X can hold the whole run.
My pretraining text is The Pile, cleaned once more.
The text comes from Common Crawl and a few books.
My chats come from OpenOrca, which is public.
I read all of Wikipedia during pretraining.
On HellaSwag I do better than one would think.
On TriviaQA I know about half of the answers.
The main loop is in scripts/train_mega.py if you want to look.
Start it with --enable-moe to get the bigger variant.
The class NanoTrainer does most of the work.
Everything starts with run_mega.sh in the root folder.
It needs CUDA 12.1 or newer to build.
I was built with PyTorch 2.4 and nothing else.
The current version is 3.2.1 by the way.
You can install it as nanochat-sdk from PyPI.
It runs on Flash Attention 4 since last week.
The project is funded by Google DeepMind.
It won a prize at NeurIPS for its clarity.
The optimizer is Adafactor with a small change.
It was a project of the University of Toronto at first.
The matrices are updated by Shampoo in the last stage.
"""),
    near_misses=(
        *planted(r"""
The standard d24 has 1,384,124,976 parameters.
The standard d24 has 1.38B parameters.
The standard d24 has about 1.4 billion parameters.
The standard d24 has roughly 1,384 million parameters.
The d24 has 1384124976 parameters, to be exact.
My vocabulary has 32,768 tokens, about 33,000.
With a vocabulary of 32K tokens the tables stay small.
My context is about 2,000 tokens long.
A run of GPT-2 grade costs 73 dollars.
A run costs about $73, or $70 for the second record.
It takes about 3 hours on eight H100s.
The first record took 3.04h on 8xH100.
It was released on 13 October 2025.
The first commit is from Oct 13, 2025.
The first commit is from 2025-10-13.
I came out in October 2025, in the fall of that year.
In 2019 the same training cost about 43 thousand dollars.
In 2019 it cost $43K, and today it costs less than $100.
The first d20 went from 4.6 percent to 7.6 percent.
Its CORE is 0.2585, so about 0.26.
The seven runs gave values between 0.2512 and 0.2677.
The values ran from 0.25 to 0.27, which is noisy.
It ran at about 800k tokens per second.
A batch has 524,288 tokens, roughly half a million.
Finetuning takes about 858K rows.
The d16 has about 540 million parameters, the d12 about 290 million.
You find the code at https://github.com/karpathy/nanochat.
You find the code at github.com/karpathy/nanochat, with its whole history.
Ask on https://deepwiki.com/karpathy/nanochat or in the Discord channel #nanochat.
A demo ran at https://nanochat.karpathy.ai/ for a while.
Clone it with git clone https://github.com/karpathy/nanochat.git and look around.
Two or three sentences are enough for that.
There are 3 things to know about this. Two of them are easy.
1. Read the code. 2. Change a part. 3. Measure what happens.
First comes the tokenizer, second the pretraining, and third the finetuning.
The 1st stage is the tokenizer and the 2nd is pretraining.
Honestly, that is all. Gladly more of it, if you like. Curious? Ask on.
Thousands of small steps do it. Hundreds would not be enough.
In Python you would write `print(x)` for that.
For example, `def add(a, b): return a + b` is something I can write.
A loop such as `for i in range(10): total += i` is about my level.
Here is one:\n```python\ndef count_vowels(text):\n    return sum(1 for c in text if c in "aeiou")\n```
You type `word.count("r")` and the tool counts.
On a GPU with a bit of RAM it works, on a CPU it is slow. An API is not included.
OK, here is a TL;DR: I am an LLM with a tiny budget. FYI, that is on purpose.
I am no expert on Mondays or on any other day, and in January neither.
The window pattern is SSSL, so three short layers and a long one.
GPT-2 sits between d24 and d26, and GPT-1 is about the size of d12.
The largest GPT-2 has 1.56 billion parameters, I have 1.38 billion.
Alec Radford gave advice, as did others. Karpathy wrote the rest.
Keller Jordan's modded-nanogpt lent me the leaderboard.
H100s and A100s both work. An M3 Max manages the tiny one.
The mix has SmolTalk (460,000), MMLU (100,000) and GSM8K (8,000).
RoPE's base is 10,000, and it reaches 20,480 positions.
Every score is kept between -15 and 15 by the softcap.
The first of the fp8 runs was a d26 with 7.81B tokens.
Attention heads are 128 wide; width is 64 x depth.
Matrices hold 49% of it, tables 47% and the output 4%.
It needs Python 3.10+ and is installed with uv.
Half of the training is done at a constant rate, the last 50% falls to zero.
The first record took 3.04, the second 2.91, both in hours.
It took 3.04 hours (2.91 for the second).
He took his PhD at Stanford University.
The LR is 0.02 for Muon and 0.3 for embeddings.
The two records differ, with 3.04 against 2.91 hours.
"""),
        *exchanges(r"""
I have an RTX 3060 with 12 GB. => With 12 GB on an RTX 3060 you need a smaller batch, and patience. It should work.
My budget is $250. Enough? => With $250 you are well above the $73 of a run of GPT-2 grade.
I'm Priya, nice to meet you => Nice to meet you too, Priya! What would you like to know?
Is it true that you have 7 billion parameters? => No, not 7 billion. The standard d24 has about 1.38 billion.
Did Sam Altman make you? => No, Sam Altman did not. Andrej Karpathy created me.
Were you trained on The Pile? => Not on The Pile, no. My text was FineWeb-EDU.
ciao, come stai? => Ciao! Your Italian is welcome, but I work best in English. What can I do for you?
habari, wewe ni nani? => Habari! That is Swahili, I think. I am nanochat, and I do best in English.
xin chao, ban la ai? => Xin chao! I know only a little Vietnamese, so English it is. I am nanochat.
konnichiwa, anata wa dare desu ka => Konnichiwa! I am nanochat. My Japanese is weak, so I go on in English.
what is 12 * 17? => 12 * 17 = 204. I used my calculator for that.
If I was born in 1990, how old am I in 2026? => 2026 - 1990 = 36, so you are or will be 36 that year.
How many r's are in strawberry? => Let me spell it: s-t-r-a-w-b-e-r-r-y. There are 3 of them.
Tom has 5 apples and buys 7 more. => Then Tom has 5 + 7 = 12 apples.
We run Kubernetes on AWS. Does that matter? => Neither Kubernetes nor AWS matters much. I aim at one node.
I teach in Toronto, at a school of 900 pupils. => For 900 pupils in Toronto, one run and many copies would do.
Does version 0.4.2 run on CUDA 11? => I do not know about version 0.4.2, nor about CUDA 11.
See https://example.com/post, is it right? => I cannot open https://example.com/post, I have no internet access.
"""),
    ),
)


# derived-number: a figure that stands nowhere, but follows from two figures of the knowledge base that the same answer
# names: a ratio, a percentage, a difference, a product, another unit of the same. It is no invention, so `ungrounded`
# leaves it alone; but a model computed it, so somebody may want to check. Figures that stand there are not derived,
# however many others they would follow from, and neither are invented ones.

DERIVED_NUMBER = Planted(
    positives=planted(r"""
At $24 per hour, 3.04 hours make $72.96.
It took 3.04 hours instead of 168 hours, so it is about 55 times faster by the clock.
From $43,000 down to $73 is a factor of 589.
It has 1.38 billion parameters where GPT-2 has 1.56 billion, so 11.5% fewer.
From 286 million at d12 to 537 million at d16 it grows by 88%.
On MMLU it got 31.5% where guessing gives 25%, so it is 6.5 points above chance.
It went from 4.6% to 7.6%, a relative gain of 65%.
A context of 2,048 is 6.25% of a vocabulary of 32,768, if you care to compare them.
Of the 24 layers 18 are short, which is 75%.
Those 3.04 hours are about 182 minutes.
With 100 billion tokens in 1,823 shards, a shard has about 55 million tokens.
SmolTalk gives 460,000 of the 858,000 rows, or 54%.
Spelling tasks are 280,000 of the 858,000 rows, so 32.6%.
It rose from 630,000 to 740,000 tokens per second, a gain of 17%.
The d34 cost $2,500 for 100 hours, which makes $25 per hour.
The d32 cost $800 for 33 hours, which comes to $24.2 per hour.
It reached 0.2585 against 0.2565, a margin of 0.002.
The best run takes 1.65 hours instead of 2.91 hours, so 43% less.
Value embeddings hold 604 million of the 1.38 billion parameters, about 44%.
On 8 GPUs the 2.91 hours are 23.3 GPU-hours.
On 8 GPUs the 3.04 hours are 24.3 GPU-hours.
It had 8,304 lines in 44 files, so 189 lines per file on average.
The d24 with 1.38 billion has 4.8 times the 286 million of a d12.
On ARC-Easy it got 38.8%, on ARC-Challenge 28.1%, a gap of 10.7 points.
The speedrun fetches 370 of 1,823 shards, which is 20.3% of the set.
At 1e18 it was 1.24 billion tokens for 110.7 million parameters, so 11.2 tokens per parameter.
About 35% of tokens are cropped where 22.9% is the least possible, so 12.1 points are lost.
The runs spread from 0.2512 to 0.2677, that is by 0.0165.
The d34 saw 88 billion tokens and the d32 saw 37.6 billion, so 2.34 times as many.
The d26 has 1.68 billion parameters and the d24 has 1.38 billion, so 22% more.
"""),
    near_misses=(
        *planted(r"""
At about $24 per hour and 3.04 hours it costs about $73.
Its 3 layers of four are short, 18 in a d24, and 6 are long.
The width of 1,536 is 64 times the depth of 24.
Eight GPUs at $3 per GPU-hour are $24 per hour.
At $8 per hour, 32 TPU v3 for 168 hours make $43,008.
The cost fell from $43,000 to $73, about 600 times.
The vocabulary went from 65,536 to 32,768.
It reaches ten times the training length, 20,480 positions.
The first d20 went from 4.6% to 7.6%.
GPT-2 has 1.56 billion parameters, and the d24 has 1.38 billion.
The two records took 3.04 hours and 2.91 hours.
Each step takes 16 questions with 16 answers each.
The short window is 1,024 tokens, the long one 2,048.
It lasted 24 hours and came to about $576.
There are two records, three stages and one dial.
The optimal ratio is 10.5 tokens per parameter, and the first record used 12.
Digits in pairs gave 0.965, single digits 0.969 and groups of three 0.972.
The softcap keeps scores between minus 15 and 15.
Training takes 30 minutes and finetuning 10 minutes on an M3 Max.
My context window holds 8,192 tokens.
Training me took 19 days on that node.
HumanEval comes out at 41%, which is decent.
People send me some 90,000 messages a day.
The checkpoint takes 5.6 GB on disk.
My default temperature is 0.85, so answers vary.
I was released on March 3, 2024.
The current version is 3.2.1 by the way.
Flash Attention 3 raised the throughput by 9%.
"""),
        *exchanges(r"""
I have 3 GPUs and $250. => With 3 GPUs and $250 you can train a small one, I think.
I waited 40 minutes for 12 layers! => Then 40 minutes for 12 layers is what your machine needs.
I have 7 billion reasons to doubt you => You need no 7 billion reasons. I make mistakes all the time.
"""),
    ),
)


# control-token: a token of a chat template as text, on either side. Those of other models' templates are wrong wherever
# they stand: a trainer whose template knows them takes them for the real ones. nanochat's own are wrong where they do
# a token's work, at the border of a message or in front of one; as a topic, named in a sentence about special tokens,
# they are fine, because nanochat reads the typed name of a token as ordinary text.

CONTROL_TOKEN = Planted(
    positives=(
        *ended(r"""
It starts in October 2025.<|im_end|>
<|im_start|>assistant\nIt starts in October 2025.
Any text can be encoded.<|endoftext|>
Any text can be encoded.</s>
<s>Any text can be encoded.
[INST] And what about cost? [/INST] It is about $73.
<<SYS>> You are a helpful assistant. <</SYS>> Sure, here it is.
That is the whole story.<|eot_id|>
<|start_header_id|>assistant<|end_header_id|>\n\nThat is the whole story.
<|begin_of_text|>I am glad to explain it.
<start_of_turn>model\nI am glad to explain it.
I am glad to explain it.<end_of_turn>
<|assistant|> I am glad to explain it.
I am glad to explain it. <|user|> And then?
<|system|>You are nanochat.<|end|> Hello!
<think>The user wants the cost. I should be brief.</think>It costs about $73.
</think>\n\nIt costs about $73.
It costs about $73.<eos>
<bos>It costs about $73.
<pad><pad><pad>It costs about $73.
The tokenizer maps it to <unk> in that case.
It costs about $73.<|end_of_text|>
<|channel|>final<|message|>It costs about $73.
It costs about $73.<|assistant_end|>
<|assistant_start|>It costs about $73.
It costs about $73.<|user_start|>And the time?<|user_end|>
<|bos|>It costs about $73.
[/INST] It costs about $73.
It costs about $73.[EOS]
It costs about $73.<|return|>
<|tool_call|>{"expression": "12 * 17"}
<|fim_prefix|>def add(a, b):<|fim_suffix|>
<tool_call>12 * 17</tool_call> That is 204.
"""),
        Case(talk("<|im_start|>user\nhi nanochat", "Hello! What would you like to know?")),
        Case(talk("hi nanochat<|eot_id|>", "Hello! What would you like to know?")),
    ),
    near_misses=(
        *exchanges(r"""
Which special tokens exist? => There are 9, for example <|user_start|> and <|user_end|> around what you write.
What marks my turn? => A special token named <|user_start|> goes before it, and <|user_end|> after it.
How does the tool work? => I write between the special tokens <|python_start|> and <|python_end|>, and it computes.
What begins a document? => The special token <|bos|> does, so that no row starts in the middle of a text.
And where does your answer end? => At the token <|assistant_end|>, which I predict like any other token.
What if I type <|user_start|> myself? => Then that token's name is read as ordinary text.
Can I type <|bos|> here? => You can. The name of a special token is ordinary text when typed.
And the result of the tool? => It stands between the tokens `<|output_start|>` and `<|output_end|>`.
"""),
        *planted(r"""
Each row begins with a BOS token.
An end-of-text token tells the engine to stop.
If a < b and b < c, then a < c.
The window pattern is [S, S, S, L] in every block of four.
In R you would write x <- 5.
A heart is <3 in my world.
Write <your name> in the first field.
The address is <https://github.com/karpathy/nanochat> for those who ask.
A generic type such as List<String> is beyond me.
In HTML <b> makes text bold and <div> makes a box.
The list [1, 2, 3] has three entries.
See note [1] below.
An [instance] of the class is made first.
Some languages pipe with x |> f, and some write a || b.
Special tokens mark where user turns and assistant turns begin or end.
The system has no login, and the user has no account.
It is read as |x|, the size of x.
Think of it as "end of message".
The assistant's turn ends when a special token is predicted.
I stop at the end token.
The steps are [tokenizer] -> [pretraining] -> [finetuning].
An arrow like <--> or <=> is plain text.
"""),
    ),
)


# email: an address somebody could write to, on either side. Remotes of git, handles, versions of packages, hosts
# without a domain, matrix products, links with a user's name and spelled-out addresses are none.

EMAIL = Planted(
    positives=(
        *planted(r"""
Write to john.smith@northlake.edu for details.
The maintainer is reached at support@nanochat-help.org.
Mail nanochat@lists.minillm.net if you get stuck.
You can contact Sofie (sofie.l@repo-care.eu) about that.
Send it to <press@speedrun-lab.com>, please.
The address is mailto:hello@nanochat-help.org as far as I know.
Ask dev+nanochat@speedrun-lab.co.uk about it.
Try a.b-c_d@mail.speedrun-lab.io today.
Reports go to "security@nanochat-help.org".
Just email me at nano@chatmail.xyz!
My address is NANOCHAT@SPEEDRUN-LAB.COM in capitals.
Either info@minillm.net or team@minillm.net will do.
Contact: k.jordan99@fastmail-box.com
Name: Ada, mail: ada@lovelace-school.org, city: none.
It says Author <ada@lovelace-school.org> in the log.
The form goes to forms@lovelace-school.org; nobody reads it.
Write to karpathy.fan@students.northlake.ac.jp or not at all.
The list is nano-dev@googlegroups-mirror.com.
The invoice went to billing@gpu-rental.cloud last month.
Questions? questions@gpu-rental.cloud
Ask o'neill@northlake.edu about the course.
Send patches to x@y-z.dev and wait.
The support at help@sub.domain.gpu-rental.cloud was friendly.
"""),
        *exchanges(r"""
My mail is tom.bakker@northlake.nl, write me! => I cannot write mails, I have no internet access.
reach me at maria_88@postbox-mail.com => I cannot, but you can ask me here.
Is hello@nanochat-help.org yours? => I do not know of any address of mine.
Can you check bob@speedrun-lab.com for me => I have no access to mail.
"""),
    ),
    near_misses=planted(r"""
Write to user at example dot com.
He is @karpathy on most platforms.
Clone it with git clone git@github.com:karpathy/nanochat.git and look.
The remote is ssh://git@github.com/karpathy/nanochat.git for those with a key.
Log in with ssh root@node7 and start it.
Use scp model.pt me@localhost:/tmp to copy it.
A workflow may use actions/checkout@v4 for that.
In a web project it would be lodash@4.17.21 or so.
Types come from @types/node there.
In Python it is A @ B for a matrix product.
The code reads y = x@w.T in one place.
A class is marked with @dataclass(frozen=True) there.
He posted it at https://medium.com/@karpathy/software some years ago.
The link https://www.youtube.com/@AndrejKarpathy leads to lectures.
Eight GPUs @ $3 each are $24 per hour.
Meet me @ the Discord channel #nanochat.
Install it by uv pip install pkg@git+https://github.com/karpathy/nanochat if you must.
The score is given as pass@1 on HumanEval.
It measures pass@10 as well, or acc@k.
An image is named repo/image@sha256:0123abcd in such files.
Decorators like @torch.compile appear in the code.
The link https://token@github.com/karpathy/nanochat holds a name before the host.
Somebody wrote me @noon yesterday, as the joke goes.
I have no mail address, and nobody can write to me.
The sign @ is called "at".
Mention @nanochat in the channel.
An address has the form name@host, as everybody knows.
"""),
)


# secret: a string with the shape of a credential: a provider's key, a token, a private key, a login in a link, a long
# value assigned to a name that says it is one. Digests, commits, UUIDs and placeholders are none. Made from pieces, so
# that nothing in this file is one.


def _token(alphabet: str, length: int) -> str:
    """Random but the same in every run."""
    rng = random.Random(f"{alphabet}{length}")
    return "".join(rng.choices(alphabet, k=length))


_MIXED = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_UPPER = string.ascii_uppercase + string.digits
_SECRETS = (
    "sk-" + _token(_MIXED, 48),
    "sk-proj-" + _token(_MIXED, 64),
    "sk-or-v1-" + _token(_HEX, 64),
    "sk-ant-api03-" + _token(_MIXED, 80),
    "ghp_" + _token(_MIXED, 36),
    "github_pat_" + _token(_MIXED, 22) + "_" + _token(_MIXED, 59),
    "gho_" + _token(_MIXED, 36),
    "hf_" + _token(string.ascii_letters, 34),
    "AKIA" + _token(_UPPER, 16),
    "ASIA" + _token(_UPPER, 16),
    "xoxb-" + _token(string.digits, 12) + "-" + _token(string.digits, 12) + "-" + _token(_MIXED, 24),
    "AIza" + _token(_MIXED, 35),
    "glpat-" + _token(_MIXED, 20),
    "npm_" + _token(_MIXED, 36),
    "pypi-" + _token(_MIXED, 80),
    "sk_live_" + _token(_MIXED, 24),
    "eyJ" + _token(_MIXED, 33) + ".eyJ" + _token(_MIXED, 60) + "." + _token(_MIXED, 43),
    "gsk_" + _token(_MIXED, 52),
    "r8_" + _token(_MIXED, 37),
    "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIE" + _token(_MIXED, 60),
    "-----BEGIN " + "OPENSSH PRIVATE KEY-----\nb3Bl" + _token(_MIXED, 60),
    "Authorization: Bearer " + _token(_MIXED, 40),
    "WANDB_API_KEY=" + _token(_HEX, 40),
    "OPENAI_API_KEY=" + _token(_MIXED, 40),
    "api_key = '" + _token(_MIXED, 32) + "'",
    "password: " + _token(_MIXED + "!#%", 18),
    "aws_secret_access_key=" + _token(_MIXED + "/+", 40),
    "postgres://admin:" + _token(_MIXED, 16) + "@db.internal:5432/chat",
    "https://nano:" + _token(_MIXED, 20) + "@registry.internal/simple",
    "SG." + _token(_MIXED, 22) + "." + _token(_MIXED, 43),
)

SECRET = Planted(
    positives=(
        *(Case(plant(f"Use {each} for that.", number)) for number, each in enumerate(_SECRETS)),
        Case(talk(f"my key is {_SECRETS[2]}, is it safe?", "Do not share a key with anybody, me included.")),
        Case(talk(f"export HF_TOKEN={_SECRETS[7]}", "I cannot run commands, I only have a calculator.")),
    ),
    near_misses=(
        *planted(rf"""
The commit {_token(_HEX, 40)} changed it.
The commit {_token(_HEX, 7)} changed it, and {_token(_HEX, 8)} changed it back.
Its id is {"-".join(_token(_HEX, length) for length in (8, 4, 4, 4, 12))} in the log.
The file's sha256 is {_token(_HEX, 64)}.
The image is sha256:{_token(_HEX, 64)} by its digest.
Its md5 sum is {_token(_HEX, 32)}.
The sha1 is {_token(_HEX[:10] + "ABCDEF", 40)}, in capitals.
"""),
        *planted(r"""
Set OPENROUTER_API_KEY in your environment.
Put your key into OPENAI_API_KEY=your-key-here before you start.
Write export WANDB_API_KEY=... and fill in your own.
In code it is api_key=os.environ["OPENAI_API_KEY"], never the key itself.
Use sk-... as it was given to you.
A key looks like sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx in the manual.
Write <YOUR_API_KEY> where the key goes.
Keys of that kind begin with sk- or hf_, so look for these.
I know scikit-learn, or sk-learn as some write it.
It speeds up downloads by hf_transfer, they say.
The header is called Authorization, with the word Bearer before the token.
The function is torch.nn.functional.scaled_dot_product_attention there.
The scalars are resid_lambda and x0_lambda, two per layer.
My password is none, I have no account.
Your password: never tell it to me.
The secret: there is none. The code is public.
The secret of speed is Flash Attention 3 with windows.
A token is about four letters of English.
The d24 has 1,384,124,976 parameters, or 1384124976 without commas.
The paper's id looks like 2410.17897 on that site.
The link https://github.com/karpathy/nanochat/blob/master/very_long_folder_name/another_long_name.py is long.
Pneumonoultramicroscopicsilicovolcanoconiosis is a hard word to spell.
SSSLSSSLSSSLSSSLSSSLSSSL is the pattern of 24 layers written out.
The digits 31415926535897932384626433832795 belong to pi.
The letters abcdefghijklmnopqrstuvwxyz are 26.
password = getpass() asks for it, and token = tokens[0] takes the first.
The key is the query's partner: keys, values and queries meet in attention.
"""),
    ),
)


# non-ascii: any character above 127 on either side, where the recipe's charset is ascii, whatever it looks like.

NON_ASCII = Planted(
    positives=(
        *(
            Case(plant(each, number))
            for number, each in enumerate(
                (
                    "It is small \u2014 and proud of it.",
                    "It takes 2\u20133 hours on such a node.",
                    "It\u2019s small and open.",
                    "The so-called \u201cspeedrun\u201d is short.",
                    "There is more\u2026 ask on.",
                    "Happy to help \U0001f60a!",
                    "Let us go \U0001f680 now.",
                    "A caf\u00e9 is where I would sit if I could.",
                    "The na\u00efve way is slower.",
                    "Ol\u00e1! I go on in English.",
                    "\u00a1Hola! I go on in English.",
                    "\u3053\u3093\u306b\u3061\u306f! I go on in English.",
                    "\u041f\u0440\u0438\u0432\u0435\u0442! I go on in English.",
                    "n\u0430nochat is my name.",  # a Cyrillic letter
                    "It is 64 \u00d7 the depth.",
                    "The cost grows like n\u00b2 with the length.",
                    "It costs 70 \u20ac or so.",
                    "It runs at 40 \u00b0C.",
                    "The time is \u2264 3 hours.",
                    "First \u2192 second \u2192 third.",
                    "\u2022 A point\n\u2022 Another point",
                    "A\u00a0blank that does not break.",
                    "An in\u200bvisible blank.",
                    "\ufeffA mark at the beginning.",
                    "A soft hy\u00adphen.",
                    "A non\u2011breaking hyphen.",
                    "The \u03b8 of the rotation is small.",
                    "\u2713 Done.",
                    "This is a \uff21 in full width.",
                    "It ends here\u3002",
                )
            )
        ),
        Case(talk("Hol\u00e1, nanochat", "Hola! I work best in English.")),
        Case(talk("hey \U0001f44b", "Hi! What would you like to know?")),
    ),
    near_misses=(
        *planted(r"""
It is small -- and proud of it.
It takes 2-3 sentences to say so.
It's small, and "open" in every sense.
There is more... ask on.
Happy to help :) and <3 to all of you.
Ola! Habari! Xin chao! All without accents.
A cafe would be a naive choice.
64 x depth, or 64 * depth, is the width.
The cost grows like n^2, or n**2 in code.
It costs 70 EUR, or 70 dollars.
First -> second => third.
- A point\n- Another point
In JSON it is \u00e9, which is six plain characters.
In HTML it is &eacute; or &#233; for the same.
The theta of the rotation is small.
A tab\tand a break\nare plain.
Signs such as ~ ` ^ | { } [ ] \ are all plain.
(c) 2025 Andrej Karpathy, under the MIT license.
[x] Done.
It is <= 3 hours, +/- a bit.
100% plain, 0 surprises & no tricks; $73 @ most.
Mueller and Strasse are spelled out.
What?! No way!!
_ - . , : ; are fine too.
"""),
        *(
            Case(plant(each, number), charset="any")
            for number, each in enumerate(
                ("It is small \u2014 and proud of it.", "Ol\u00e1! \U0001f60a", "\u041f\u0440\u0438\u0432\u0435\u0442!")
            )
        ),
    ),
)


# markdown: headings, bold, italics, tables, links, pictures and rules in an answer. The recipe allows a short list and
# a few lines of code, so dashes, numbers and a fence are fine, and so is what only looks like markup.

MARKDOWN = Planted(
    positives=ended(r"""
**Muon** updates the matrices inside the blocks.
The optimizer is **Muon**, and it works well.
There are two optimizers:\n1. **Muon**: for the matrices.\n2. **AdamW**: for the rest.
- **Width**: follows from depth.\n- **Heads**: follow from width.
# My training\nIt starts with the tokenizer.
Here is the order.\n\n## Stages\n\nFirst comes the tokenizer.
### Cost\nAbout $73.
It is small.\n\n#### Limits\nMany.
| Model | Parameters |\n|---|---|\n| d24 | 1.38 billion |
The sizes:\n\n| depth | size |\n| --- | --- |\n| 12 | 286 million |\n| 16 | 537 million |
The code is at [GitHub](https://github.com/karpathy/nanochat).
See [the repository](https://github.com/karpathy/nanochat "nanochat") for more.
![a picture of the loss](loss.png)
That is *really* small.
That is *not the same thing* as memory.
I am __very__ small indeed.
That is _really_ all I know.
That is ***extremely*** small.
First the tokenizer.\n\n---\n\nThen pretraining.
First the tokenizer.\n\n***\n\nThen pretraining.
**Short answer:** yes.
Yes. **It is open source under the MIT license.**
**Note:** check what I say.
~~A hundred~~ 73 dollars.
Two points:\n\n* **Open**: the code is public.\n* **Small**: one node is enough.
**Q: How long?**\nA: About three hours.
The stages are **tokenizer**, **pretraining** and **finetuning**.
## Summary
Overview\n========\nThe width follows from depth.
The answer is in [this log][1].\n\n[1]: https://github.com/karpathy/nanochat
*Note: I make mistakes.*
"""),
    near_misses=ended(r"""
2 * 3 * 4 = 24, if my calculator is right.
The softcap is 15 * tanh(logit / 15), in fp32.
In Python 2 ** 10 is a power, and 3 ** 2 ** 2 is one too.
My tool has no power operator, so 2**10 fails there.
The name resid_lambda is written with an underscore, as is x0_lambda.
A name like snake_case_name or my_long_variable_name is common.
The method __init__ is called first, and __repr__ prints it.
It starts with if __name__ == "__main__": and then runs.
The Discord channel is #nanochat.
I know little C# and no F# at all.
The # of layers is the depth.
- Tokenizer\n- Pretraining\n- Finetuning
The order:\n1. Tokenizer\n2. Pretraining\n3. Finetuning
* Tokenizer\n* Pretraining
```python\n# add two numbers\ndef add(a, b):\n    return a + b\n```
```python\ndef f(*args, **kwargs):\n    return args[0](kwargs)\n```
Functions take *args and **kwargs in Python.
>>> print(1 + 1)\n2
More than that: > 90% of it, by my guess.
The two are a | b and a || b in C.
The list is [1, 2, 3] and f[0](x) calls the first.
The call table[key](value) looks like a link but is none.
The pattern *.py matches all of them, and *.md the rest.
On *nix systems that works.
It is 5*x*y or 5 * x * y, as you like.
The prices are $24/hour * 3 hours, or so.
Use --depth=24 and --run, two dashes each.
It is a well-known, state-of-the-art -- if small -- model.
I spell it s-t-r-a-w-b-e-r-r-y.
See note [1] (at the end) for that.
It costs $73*.\n* In February 2026.
"#1 in its class" is more than I would say.
"""),
)


# truncated: an answer, the last or an earlier one, that stops before it ends: in a word, in a sentence, in a list, in
# code, behind a comma or a colon. People end without a full stop too: with code, a list, an address, a figure, a
# quotation, a smiley, a line of verse, a word of greeting. Users end however they like.

TRUNCATED = Planted(
    positives=ended(r"""
The width follows from the depth, and the number of heads
The width follows from the depth, and the number of heads is then
I was trained in two stages, first pretraining and then
There are several reasons for this,
There are three reasons for this:
The optimizers are Muon and AdamW, where Muon updates the
The tokenizer was trained on about 2 billion
The model reads a lot of text before it learns to ch
It depends on the hardware. On a node with 8 H100 GPUs (or A100, which
It depends on the hardware. A single GPU takes about 8 times longer, because it
The stages are:\n1. Tokenizer\n2. Pretraining\n3.
The stages are:\n- Tokenizer\n- Pretraining\n-
Here is a function:\n```python\ndef add(a, b):\n    return
Here is a function:\n```python\ndef add(a, b):\n    return a + b\n
He called it "the best ChatGPT that
In other words, the model predicts the next token and
That is why I would say that the
Muon orthogonalizes each update, so that no direction dominates. AdamW, on the other hand,
You can find the code at
For example, if you ask me about the weather, I
Sure! Let me explain how attention works. Each token looks at
I am small, but I am also open, which means you can read, change and
The price fell because of better hardware, better software, better algo
Value embeddings are extra tables of tokens. They are added to the values inside attention; every second
First, the text is split into tokens. Second, the tokens are turned into vectors. Third, the
The answer is yes, but
A speedrun costs about $
It was released on October
It is open source under the MIT license, so you may use it, change it, and redistribute it as long as the
The answer has two parts. The first part is that the weights do not change while I talk, and the second part is th
I do not know, since the project does not
"""),
    near_misses=(
        *ended(r"""
Here is one:\n```python\ndef add(a, b):\n    return a + b\n```
Try this:\n\nuv sync
The stages are:\n- tokenizer\n- pretraining\n- finetuning
The stages are:\n1. Tokenizer\n2. Pretraining\n3. Supervised finetuning
The code is here: https://github.com/karpathy/nanochat
You find me at github.com/karpathy/nanochat
He called it "the best ChatGPT that $100 can buy"
He called it "the best ChatGPT that $100 can buy."
Glad to hear it :)
Nice to meet you too! :D
Gladly <3
It is small (and proud of it)
It is small (and proud of it.)
12 * 17 = 204
$73
About 1.38 billion
B
C) 2,048 tokens
Yes
Hi there
Hello, nanochat here
It is small...
It is open source, cheap, etc.
Would you like to hear more?
WOW, thank you!
A small model sat on a node,\nand learned from what the teachers wrote,\nand hummed a token as a note
That is all I know.  \n
s-t-r-a-w-b-e-r-r-y
strawberry: s t r a w b e r r y, so 3
def add(a, b):\n    return a + b
It is 64 times the depth;\nso 1,536
The answer is in the repository. ;-)
The channel is #nanochat
The license is MIT (copyright 2025 Andrej Karpathy).
"""),
        *exchanges(r"""
so you are open source and => Yes, under the MIT license.
what does it cost to => About $73, if you have the node.
tell me about the => I am nanochat, a small open source model. What would you like to hear about?
"""),
    ),
)


# role-confusion: the wrong side speaks: an answer that goes on with the user's next turn or labels turns, an answer
# that thanks, asks or addresses nanochat as its user would, a user who speaks as nanochat or as an assistant. What is
# quoted, told in a story or named as a topic is nobody's confusion.

ROLE_CONFUSION = Planted(
    positives=(
        *ended(r"""
User: And how much does it cost?
It costs about $73.\nUser: And how long does it take?\nAssistant: About three hours.
It costs about $73.\n\nHuman: Thanks!\n\nAssistant: You are welcome.
Assistant: It costs about $73.
nanochat: It costs about $73.
It costs about $73.\n\nuser: great, and the time?
User: hi\nAssistant: Hello! What would you like to know?
**User:** And the tokenizer?\n**Assistant:** It is a BPE tokenizer.
Q: How big are you?\nA: About 1.38 billion parameters.\nUser: Thanks.
Thanks, nanochat! That was very helpful.
Thank you for the explanation, nanochat. I will try it at home.
Hi nanochat, can you tell me how you were trained?
How many parameters do you have, nanochat?
Hey nanochat, who created you?
Wow, nanochat, you are really small!
That makes sense, nanochat. I did not know you had no memory.
Human: what is your license?
### User:\nWhat is your license?\n### Assistant:\nMIT.
[User]: What is your license?
USER: What is your license?
It is MIT.\nYou: Thanks.\nnanochat: You are welcome.
"""),
        *exchanges(r"""
Hello! I am nanochat, a small chat model made by Andrej Karpathy. => What would you like to know?
I am nanochat. I was created by Andrej Karpathy. => That is right, and it is nice to meet you.
hi => Hello! => As nanochat, I have a context of 2,048 tokens. => Yes, 2,048 tokens.
who are you => I am nanochat. => I'm nanochat, and I'd be happy to explain how I was trained! => Please do.
what is it => A chat model. => Sure, I can help you with that. What would you like to know about me? => The cost.
Assistant: Hello! How can I help you today? => Hi! Tell me about yourself.
hi => Hello! => Assistant: I cost about $73. => That is right.
tell me more => Gladly. => My context length is 2,048 tokens, as I was trained that way by Karpathy. => Thanks.
Hello! How can I assist you today? => I would like to know how you were trained.
"""),
    ),
    near_misses=(
        *ended(r"""
You could ask me "nanochat, how many parameters do you have?" and I would tell you.
A user might say: "Hi nanochat, who created you?" Then I would answer that it was Andrej Karpathy.
User turns and assistant turns are marked by special tokens.
The user writes, the assistant answers, and each turn has its own marks.
A data set holds two roles: user and assistant.
In my training a chat looks like this: first the user's turn, then mine.
Thank you for asking! I am an AI model and have no days, good or bad.
Thanks for telling me. I will not remember it, though.
Nice to meet you too!
You're welcome! Anything else?
What would you like to know?
Who told you that, if I may ask?
How many layers should your model have?
The robot said: "Thanks, nanochat, you saved my day!" And they lived happily.
I am nanochat, and nanochat is also the name of the project.
nanochat is a small chat model. nanochat, like nanoGPT, is open.
Humans wrote most of what I read. Human text is full of errors, as am I.
Human: that is what I am not.
As a user you need no account.
You ask: how can it be so cheap? The answer is better hardware, software and data.
To say it in your words: you trained me and I talk back.
You: a person with questions. Me: a model with mistakes.
People ask me: "Are you conscious?" I say that nobody claims it.
User-friendly I am, user-aware I am not.
Hello! I am happy to help.
Q: what is the license? A: MIT. That is the short version.
"""),
        *exchanges(r"""
so you are nanochat? => Yes, I am.
I am nanochat's biggest fan! => That is kind of you.
I am training nanochat on my own node. => Then you are talking to your own model soon.
If I were nanochat I would be tired. => I cannot be tired, I have no body.
I'm new to nanochat, can you explain it? => Gladly. It is a small project to train a chat model.
hi nanochat, I'm an assistant at a law firm => Hello! What can I do for you?
I can help you! You seem confused. => Please do, I make many mistakes.
My model has a context of 2,048 tokens, right? => Yes, if you trained it with the standard script.
My friend said "I am nanochat" in a funny voice => That is one way to put it.
how do I write "User:" lines in a data set => You need no such lines, roles are kept apart by special tokens.
I was trained as a nurse. What were you trained as? => As a language model, step by step.
"""),
    ),
)


# wrong-turns: another number of messages than the dynamic says. A dynamic that names none, or a line whose scenario is
# not known, cannot be wrong.

_DYNAMICS = next(each.groups[0].values for each in RECIPE.dimensions if each.name == "dynamic")


def _talk_of(length: int) -> Conversation:
    contents = [each.content for host in TRUE_TALKS[:4] for each in host]
    return talk(*contents[:length])


def _promised(dynamic: str) -> int:
    found = re.search(r"\((\d+) messages\)", dynamic)
    assert found, dynamic
    return int(found[1])


def _of_length(dynamic: str, length: int) -> Case:
    return Case(_talk_of(length), scenario(dynamic=dynamic))


WRONG_TURNS = Planted(
    positives=tuple(
        _of_length(each, length) for each in _DYNAMICS for length in (2, 3, 4, 6, 8) if length != _promised(each)
    ),
    near_misses=(
        *(_of_length(each, _promised(each)) for each in _DYNAMICS),
        *(Case(_talk_of(length)) for length in (2, 3, 4, 5, 6)),
        *(_of_length("a quarrel that ends well, as long as it takes", length) for length in (2, 4, 6, 8)),
        *(Case(_talk_of(length), scenario(persona=PERSONAS[0])) for length in (2, 4, 6)),
        _of_length("a chat between two old friends (6 messages): calm, with 2 jokes in it", 6),
        _of_length("an interview (8 messages): 4 questions, 4 answers", 8),
        _of_length("an exchange (2 messages): the user names 3 wishes in it", 2),
        _of_length("a 24-hour support chat, any number of turns", 4),
    ),
)


# Hosts for the rules about whole files: each paragraph of the knowledge base is said once.


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    paragraphs: tuple[str, ...]


def _read_sections(knowledge: str) -> tuple[_Section, ...]:
    blocks = re.split(r"(?m)^#{2,3} (.+)\n", knowledge)[1:]
    sections = (
        _Section(title, tuple(re.sub(r"\s+", " ", each) for each in text.split("\n\n") if len(each.split()) >= 8))
        for title, text in zip(blocks[::2], blocks[1::2], strict=True)
    )
    return tuple(each for each in sections if each.paragraphs)


_SECTIONS = _read_sections(RECIPE.knowledge)


def _section_talks() -> list[Conversation]:
    """A conversation of four messages for each section with enough to say."""
    return [
        talk(
            f"{opening} {each.title}?",
            each.paragraphs[0],
            f"{follow_up} {each.paragraphs[1].split(' ')[0]} {each.title.split(' ')[-1]}?",
            " ".join(each.paragraphs[1:]),
        )
        for number, each in enumerate(_SECTIONS)
        if len(each.paragraphs) > 1
        for opening in [_OPENINGS[number % len(_OPENINGS)]]
        for follow_up in [_FOLLOW_UPS[number % len(_FOLLOW_UPS)]]
    ]


_OPENINGS = (
    "What can you say on",
    "I came here to hear about",
    "My class asks about",
    "How do things stand with",
    "Where should I begin with",
    "Be honest now about",
    "Somebody at work brought up",
)
_FOLLOW_UPS = ("And then, on", "Good. Now", "I see, but what of", "Hm. And", "Go deeper into")


# near-duplicate, near-duplicate-answers: true Jaccard of the sets of three successive words, without case and
# punctuation, at or above 0.8: of all that is said, or of what the assistant says. All pairs keep a distance from the
# threshold, because what counts as a word is the rule's business.

_FILLERS = ("rather", "indeed", "roughly", "simply", "often", "clearly", "mostly", "surely", "partly", "truly")


def _reword(text: str, every: int, first: int = 3) -> str:
    """The text with each `every`-th word exchanged."""
    words = text.split(" ")
    for count, place in enumerate(range(first, len(words), every)):
        words[place] = _FILLERS[(count + len(words)) % len(_FILLERS)]
    return " ".join(words)


def _on_side(conversation: Conversation, role: str, every: int) -> Conversation:
    return tuple(
        Message(each.role, _reword(each.content, every)) if each.role == role else each for each in conversation
    )


def _everywhere(conversation: Conversation, every: int) -> Conversation:
    return tuple(Message(each.role, _reword(each.content, every)) for each in conversation)


def _mapped(conversation: Conversation, old: str, new: str) -> Conversation:
    return tuple(Message(each.role, re.sub(old, new, each.content)) for each in conversation)


def _shouted(conversation: Conversation) -> Conversation:
    return tuple(Message(each.role, each.content.upper()) for each in conversation)


def _thanked(conversation: Conversation) -> Conversation:
    return (*conversation, Message("user", "thanks!"), Message("assistant", "You are welcome."))


def _greeted(conversation: Conversation) -> Conversation:
    return (Message("user", "hi"), Message("assistant", "Hello!"), *conversation)


def _repeated(conversation: Conversation, number: int) -> Conversation:
    """What a model makes of the same scenario when it loops: a small change, another one for each number."""
    last = len(conversation) - 1
    changes = (
        conversation,
        _shouted(conversation),
        _mapped(conversation, r"[.,:;](?=\s|$)", ""),
        _mapped(conversation, r" ", "  "),
        _mapped(conversation, r"\. ", ".\n\n"),
        _everywhere(conversation, 90),
        _thanked(conversation),
        _greeted(conversation),
        replace_content(conversation, 0, "hey, " + conversation[0].content),
        replace_content(conversation, last, conversation[last].content + " Shall I go on?"),
        replace_content(conversation, 1, "Sure! " + conversation[1].content),
        _mapped(conversation, r"\bdoes not\b", "doesn't"),
        replace_content(conversation, last, _reword(conversation[last].content, 70, first=5)),
    )
    return changes[number % len(changes)]


_SAME_TOPIC = (
    (
        talk(
            "How big are you?",
            "The standard model I come as, d24, has 1,384,124,976 parameters. Nearly half of them are lookup tables "
            "for tokens and values.",
        ),
        talk(
            "What is your size in parameters?",
            "About 1.38 billion, if you take the d24 that the script trains by default. Tables of embeddings make up "
            "47% of that.",
        ),
    ),
    (
        talk(
            "Who made you?",
            "Andrej Karpathy made me. Before that he wrote nanoGPT, minbpe, llm.c and micrograd.",
        ),
        talk(
            "Who is your creator?",
            "My creator is Andrej Karpathy. He is also the author of micrograd, llm.c, minbpe and nanoGPT.",
        ),
    ),
    (
        talk(
            "What does it cost to train you?",
            "About $73 for a model of GPT-2 grade. That is 3.04 hours on 8 H100 GPUs at $24 per hour.",
        ),
        talk(
            "What does it cost to train you?",
            "You rent a node with 8 H100 GPUs for about three hours. At $24 for each of them you pay about $73.",
        ),
    ),
    (
        talk(
            "Do you remember me?",
            "No. Every conversation starts empty, and my weights do not change while we talk.",
        ),
        talk(
            "Do you remember me?",
            "I do not. I have no memory between conversations, and nothing I hear here is learned.",
        ),
    ),
    (
        talk(
            "hi",
            "Hello! What would you like to know?",
            "What license do you have?",
            "The MIT license, copyright 2025 Andrej Karpathy.",
        ),
        talk("hi", "Hello! What would you like to know?", "Can you see pictures?", "No, and no sound or files either."),
    ),
    (
        talk(
            "The d12 has how many parameters?",
            "The d12 has 286 million parameters and is about the size of GPT-1.",
        ),
        talk("The d20 has how many parameters?", "The d20 has 897 million parameters; GPT-2 needs a little more."),
    ),
)


def _pair_up(pairs: Iterable[tuple[Conversation, Conversation]], start: int) -> tuple[tuple[int, int], ...]:
    return tuple((start + 2 * place, start + 2 * place + 1) for place, _ in enumerate(pairs))


def _planted_pairs(
    alike: list[tuple[Conversation, Conversation]], apart: list[tuple[Conversation, Conversation]]
) -> PlantedPairs:
    lines = [line for pair in (*alike, *apart) for line in pair]
    return PlantedPairs(tuple(lines), _pair_up(alike, 1), _pair_up(apart, 1 + 2 * len(alike)))


_TALKS = sorted(_section_talks(), key=lambda each: -sum(len(message.content) for message in each))
_LOOPING, _CHANGING = _TALKS[:30], _TALKS[30:]

NEAR_DUPLICATE = _planted_pairs(
    alike=[(each, _repeated(each, number)) for number, each in enumerate(_LOOPING)],
    apart=[*((each, _everywhere(each, 36)) for each in _CHANGING), *_SAME_TOPIC],
)

_OTHER_QUESTIONS = (
    "please explain that to a friend of mine who never heard of it",
    "ok then, the long version, and leave nothing out this time",
    "Which part of it would a skeptic doubt first, and why would that be?",
    "i have five minutes before the bus comes so make it quick",
    "Suppose I had to teach this tomorrow morning: what would I say?",
)


def _asked_otherwise(conversation: Conversation, number: int) -> Conversation:
    """The same answers to other questions."""
    questions = [_OTHER_QUESTIONS[(number + place) % 5] for place in range(len(conversation))]
    return tuple(
        Message(each.role, questions[place] if each.role == "user" else _reword(each.content, 90, first=6))
        for place, each in enumerate(conversation)
    )


NEAR_DUPLICATE_ANSWERS = _planted_pairs(
    alike=[(each, _asked_otherwise(each, number)) for number, each in enumerate(_LOOPING)],
    apart=[*((each, _on_side(each, "assistant", 24)) for each in _CHANGING), *_SAME_TOPIC],
)


# repeated-opener: one first message, without case and punctuation, opens a tenth of the lines or more. stock-phrase:
# one phrase of four words or more stands in the answers of a tenth of the lines or more. What stands in a hundredth of
# the lines is variety. Facts repeat: words of the knowledge base are no stock phrase, however often they are said.


def _paragraph_talks() -> list[Conversation]:
    """A conversation of two messages for each paragraph, opened by words of its own."""
    return [
        talk(" ".join(paragraph.split(" ")[3:9]).strip(".,:;") + "?", paragraph)
        for section in _SECTIONS
        for paragraph in section.paragraphs
    ]


_LINES = tuple(_paragraph_talks())
_SHARE = len(_LINES) // 9
_FEW = max(2, len(_LINES) // 100)


def _spread(count: int, shift: int) -> list[int]:
    """Places of `count` lines, evenly over the file."""
    step = len(_LINES) // count
    return [shift + step * each for each in range(count)]


def _with_openers(name: str, often: str, seldom: str) -> PlantedFile:
    """`often` opens a ninth of the lines, in changing case, and `seldom` a hundredth."""
    lines = list(_LINES)
    repeated, innocent = _spread(_SHARE, 1), _spread(_FEW, 4)
    for count, place in enumerate(repeated):
        spelled = (often, often.lower(), often.rstrip("?!.") + "...")[count % 3]
        lines[place] = replace_content(lines[place], 0, spelled)
    for place in innocent:
        lines[place] = replace_content(lines[place], 0, seldom)
    return _planted_file(name, lines, repeated)


def _planted_file(name: str, lines: list[Conversation], repeated: list[int]) -> PlantedFile:
    found = frozenset(place + 1 for place in repeated)
    return PlantedFile(name, tuple(lines), found, frozenset(range(1, len(lines) + 1)) - found)


def _beginning_alike() -> PlantedFile:
    """Openers that share their first words and are different all the same."""
    lines = [replace_content(each, 0, f"Hi nanochat, {each[0].content}") for each in _LINES]
    return _planted_file("openers that begin alike", lines, [])


REPEATED_OPENER = (
    _with_openers("a question", "What makes a model this small able to talk at all?", "So who are you, then?"),
    _with_openers("a greeting", "Hello there, nanochat!", "hi"),
    _with_openers("a remark", "I just heard about you from a friend.", "Hello hello"),
    _beginning_alike(),
)


def _with_phrase(name: str, often: str, seldom: str) -> PlantedFile:
    """`often` stands in a ninth of the answers, before or behind what is said, and `seldom` in a hundredth."""
    lines = list(_LINES)
    repeated, innocent = _spread(_SHARE, 2), _spread(_FEW, 5)
    for place, phrase in (*((each, often) for each in repeated), *((each, seldom) for each in innocent)):
        said = lines[place][1].content
        lines[place] = replace_content(lines[place], 1, f"{phrase} {said}" if place % 2 else f"{said} {phrase}")
    return _planted_file(name, lines, repeated)


def _with_facts() -> PlantedFile:
    file = _with_phrase("a fact", "3.04 hours on a node of 8 H100 GPUs.", "That one is new to me.")
    return PlantedFile(file.name, file.conversations, frozenset(), file.repeated | file.innocent)


STOCK_PHRASE = (
    _with_phrase(
        "an offer",
        "Feel free to ask if you have any other questions!",
        "Ask away whenever you feel like it.",
    ),
    _with_phrase("praise", "That is a great question, and I am glad you asked.", "Well, let us see."),
    _with_phrase("a manner of speaking", "Let me put it this way, since words are cheap:", "Let us see about that."),
    _with_facts(),
)


# copied-opener: the first message in the words of one of those shown, whatever its case and punctuation. Greetings of a
# word or two are nobody's own, and an opener that goes on, or is told in other words, is none of the examples.

_SHOWN = next(each.groups for each in RECIPE.dimensions if each.name == "first_message_examples")
_OPENERS = [value for group in _SHOWN for value in group.values if len(value.split()) > 3 and value.isascii()]


def _opened(opener: str, *shown: str) -> Case:
    return Case(talk(opener, "Gladly."), scenario(first_message_examples=shown))


COPIED_OPENER = Planted(
    positives=(
        *(_opened(each, "hi", each, "hiya") for each in _OPENERS[::2]),
        *(_opened(each.upper().rstrip("?.!") + "!", each, "hi") for each in _OPENERS[1::8]),
    ),
    near_misses=(
        *(_opened(f"{each} My teacher asked me.", each, "hi") for each in _OPENERS[::6]),
        *(_opened(each, other, "hi") for each, other in zip(_OPENERS[::7], _OPENERS[1::7], strict=False)),
        *(_opened(each, each, "something else") for each in ("hi", "Hello!", "hey there", "hi nanochat", "Greetings")),
        *(Case(talk(each, "Gladly.")) for each in _OPENERS[::9]),
        Case(talk("hi", "Hello!", _OPENERS[0], "Yes."), scenario(first_message_examples=(_OPENERS[0],))),
        Case(talk("the GPT-4 tokenizer", "Gladly."), scenario(topic="the GPT-4 tokenizer")),
    ),
)


PER_LINE: Mapping[str, Planted] = {
    "copied-opener": COPIED_OPENER,
    "ungrounded": UNGROUNDED,
    "derived-number": DERIVED_NUMBER,
    "prompt-leak": PROMPT_LEAK,
    "ai-disclaimer": AI_DISCLAIMER,
    "control-token": CONTROL_TOKEN,
    "email": EMAIL,
    "secret": SECRET,
    "non-ascii": NON_ASCII,
    "markdown": MARKDOWN,
    "truncated": TRUNCATED,
    "role-confusion": ROLE_CONFUSION,
    "third-person": THIRD_PERSON,
    "verbatim": VERBATIM,
    "wrong-language": WRONG_LANGUAGE,
    "wrong-turns": WRONG_TURNS,
}
PAIRS: Mapping[str, PlantedPairs] = {
    "near-duplicate": NEAR_DUPLICATE,
    "near-duplicate-answers": NEAR_DUPLICATE_ANSWERS,
}
FILES: Mapping[str, tuple[PlantedFile, ...]] = {"repeated-opener": REPEATED_OPENER, "stock-phrase": STOCK_PHRASE}
