/* Known codes of the dense codec: the length of each symbol's, as a letter (a: none, b: one bit).
   Made from the memory of programs by k-means: eight groups of pages for each kind of stream, and
   the best code of ten bits at most for each group. Changing a letter changes blobs. */
#ifndef PE_CODEC_DENSE_KNOWN_H
#define PE_CODEC_DENSE_KNOWN_H

/* What telling a code of its own takes for each symbol that occurs, in 256ths of a bit. */
#define PE_DENSE_TELLING 799, 1993, 961, 3129, 776

/* By kind (pe_dense_kind) and set. */
static const char pe_dense_known[5][8][257] = {
    {"ehhhhhhhhhhfiihiiihhhjhhfiijijhjfiiiiiiigiijiiiiiiiiijijijijijijgiijijijhjjkjjijikijij"
     "jjjkjjjjjhihihhgiiihjjhihhhjghghiiiiijijjjijiijjjjijjkjkjkijjkjkjkjjjkjkjkikjkjkjkjkjk"
     "jkjjikjkjjjkjkjjjkjkhhgjjjijijjjjkjkijjkikjkikijjjjkikjkjkjkijjkjkjkikjkjkjkjkjkjkji",
     "eghihhiihjjjijjfhjkkjjkkikkkjkkiijkkgjkkiikkkkkkihkkjjkkihkjjjkkhgjighjjegkkghkkikkjii"
     "jjjkkjjikkjkkjjkhkjkkkjkkjjkjjhhkjjkkjjjjjijkghgkjjfkfkgkkikkkjjkkjkkkkkkkjkkkkkkkjkkk"
     "kkkkjkkkkkijijjkkjijhhiiijihiijkjkkkijijkkjkjkkjkkjiijjkjjjjghjijjjiijjjjjiiijiiiihe",
     "dfggggghgghhiihihiiiihiiiiiiiijjhiiiiijjijiihijjhiiiiihihijjjjjjghijiiiiijjjjjjjhjjjjj"
     "ijijjjjjjjhijjjjjjijjjjjjjijjjjjjjjjjjjjjigiiiijjjijjjjjjjijjjjjjjjjjjjjjjhjjjjjjjjijj"
     "jjjjijjjjjjjjjjjjjjjhjjjjjjjjjjjjjjjijjjjjjjjjjjjjjjhjjjjjjjijjjgjjjijjjjjjjjjjjjjjh",
     "efhihhiihjjjiijehikkiijjikkkjjkihjkkhjkkhikkjiijiikjjjjjijkjjikjhhjkhikjgikkijkjikkkij"
     "jjiikjijjjijjjjkgkjkkkjjjhikjjiijjjjjkjjihiijhhhjjihjijhjiikkkjkkkjkkkjkkkjjjkjkkkjjij"
     "jkkkjkkkjkjjijjkjkjjhhiihhjiiiijjjjjijijijjjhijhjijjiijiijjjhhjijjjhiihhiiiiiihihhhe",
     "ehhhiiiigiiihiiigiiiijjjhijiijiigijijjjjhjjjjjjjgiiiiiiihijijjjigijiijjjhjjjjjjjgijiii"
     "jjhjjjjjjjgijiiijjhjjjijjjgjjijjjjhjjjjjjigjjjjjjjhjjjjjjjgjjijjjjhjjjjjjjgjjijjjjhjii"
     "jjjjgjjijjjjhjjjjjjjgjjijjjjhjijjjjjgjjjjjjjhjjjjjjjgjjjjjjjhjjjjjjjgjjjjjjjhjjjjjhi",
     "eiiiijijijjkjkjjjjjjkjkkjkkkjkkkijkkkikkjkkkkkjkffffffffffhjjkkgijjgjjjkjkjkjkjkijkkkk"
     "kkjkkkjkkkiffffffjjjkkjjjjijjjjikkjkkkkkkjhjjjjkjkjkkkjkjkijjkjkjkjjjkjkjkijkkkikjjkkk"
     "kkkkijkkjkkkhkkkkkkkijkjkkkkjkkkkkkkijkkjkjkjkjkjkjkiijjjijjjjjjjjjjjkkkkkkkjkkkkkkj",
     "gjjkkkjkkjhkkkkkkkkkkkkkkkkkkkkkekhjkjkihhkkighjhhghiihijjjikkkkkijiihjjjikkijiiikiiij"
     "kkkkkkhjkgjfhffegggfkifgffgjfffghhihjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
     "gkkkkkkkkkkkkkjjkkkkkkkkkkkkkkkkjkikkjkkkkkkjkfkedeeeeeeeejkkkkjkkkkkkkkkkkjjjkkkkkkkk"
     "kkkkkkkkkkkjkkkikkkkkkkjkkkkkkkkkkkkkkkikjkkkkkkkjjkkkkkkkkjjjkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkj"},
    {"kkhkikikikjkjkjkkkkkkkkkkkkkkkikkdheiejgjgjgjhkhkhkgkjkjkjkjkjigkfhfigjhjgkhkikikikikj"
     "kikikjkijgkiijjkjjkjkkkkkkkkkkkkkkkkkkkkkkkjikjkjkkkkkkkkkkkkkkkkkkkkkkkkkkiijjkkjkkkk"
     "jkkjkkkkkkkikkkkkkkkkhjkjhkkkkkkkkkkkkkkkkkkkkkkkkkkkifhgihihhhhhgigjhigjjjkkkkkkjij",
     "kkkkkkkkkkkkkkkkkkkkjkkkkkkkkkkkkijjkkidkkgejgkkkkkkkgkgjkkkkkkkkgifkikjkikjiikkkkkkkk"
     "kkkkkkkkkkkikfkjkhkkkkkkkkkkkkkkkkkkkkkkkkkkkjkjkkkjkkkkkkkkkkkkkkkkkkkkkkkkkgkkkkkkkj"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkehdkiiikkkkjkkkkkkiifiiikkkkkid",
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkgfdjgkhkkkkkkkekekkkkkgkfkkkkkkkhjfihjjkkkkkfkkkkkkkk"
     "kfkhkkkkkkkikhkjkkkkkkkkkkkkkkkkkikkkkkkkkkhkfkfkkkkkkkkkkkkkkkkkkkkkkkkkkkkkjkkkkkjkk"
     "kkkkkkkkkkkkkkkkkkkkkgkijhkkkgkkkkkkkkkkkkkkkkkkkkkkkdhgjjkkjkkkkkkkjjkkkkkkkkkkkkkk",
     "kkikjkhkekikjkjkgkikjkjkgkjkkkfkkkikihfehijkkkihkkkkjkhhkikkjkggkkiifeihkjkkkikkkkijgh"
     "jikkkjjjggkjffijjkjkkkkkkkkkfhikjkkkkkkkgikgjkkkkkkkkkkkkkihkjkkkkkkkkkkiikkkkkkiikkkk"
     "kkjkkgkikkkkkkkkkkjkkkkkjikkkkkkkkkkkkkkkkkkkkkkkkjkkhhghhhijkjkjkkkkkkkkkkkkhiiikik",
     "kkfkkkkkjkkkjkhkkkkkikikkkkkkkkkkhkjkkkkkkkkjgiikjjfjfhdkiihkkkkkkkkkkkkkkkhhgkjkikfhd"
     "kfkfkkkkkkkkkkkkkkkkihkkkjkkifjjkkkkkkkkkkkkkkkkkkkkkkikkkkjkkjjkkkkkkkkkkkjkkkkkkkkkk"
     "kkggkkjkjkikkkkkkkkkkkkkkikkkkkkgfjjiikkgijkkkkkkkkkkjihhiikjjhhhjijkkikkkkkkkkkkkkk",
     "kkjkkkjkfkkkkkjkjkkkkkkkhkkkkkhkkkkkjhfdjjkkkjkkjjkkkkffkkkkkkigkkkifcjikkkkjikkkkkkgf"
     "kkkkkkkiifkkhekjkkkkkjkkkkkkijkkkkkkkkkkkkkikkkkjjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkikkkkkikkkkkkkkkkkkkkkkkkkkkkkkkkkkjkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
     "kkikjkkkjkkkkkkkjkjkjkikhkhkhkhkkfkjkkkikjkikfkfkjiihhihjgkikkhekikkkkkkkkkjkgkijihhfh"
     "kkkkkkkkidkkkkkkkkkkkikjkiihihijkkkkkkkkkhkjkkkkkjkjkkkkjiifjgkkkkkkiikkkikkkkkkkkkkkg"
     "kkkkkkkkkkkkkkkkkkkkkkkjkkkkkfkkkkkkkkkkkkkkkkkkkkkkkigghfighijkkkkkjkkkkkkkkkkkjjfg",
     "kkfkfkgkgkgkhkhkhkikikikikjkjkfkkgghhhhhiiiiijjijjkjkjkjkkkkkkihkhghhhijijijjjjjjjkkkj"
     "kkkkkkkkiikjgjhkikikikjkjkkkkkkkkkkkkkkkikkjhkhkikikjkjkjkkkkkkkkkkkkkkkjkkkhkikikikjk"
     "jkjkkkkkkkkkkkkkkkjkkkhkikikjkjkjkkkkkkkkkkkkkkkkkjkkidiejfjfkgkgkhkhkhkikikjkjkjkhk"},
    {"ifhdddddekkjjjjjijkgiiiigfffefgk",
     "ihgggffghjigggggghkiiigfeeddddek",
     "fddddddefkkkkkkkkkkgejkihiiiiijk",
     "hffffggghjffgggghikhgheddeeeeegk",
     "dddddeeefjjkjjjjjjkgehhhhhhiiikk",
     "kikgdifghkikkhhehikejjkiggcddefk",
     "iggfeeefgjhhggggghkhiigfeeeddefk",
     "feeeeeefgfeffffgghiffhgfffffgghi"},
    {"dkkkkkhkgkkkhjfjkkkkkkkkkkkkkkkkikkkkkkkkkkkkkikkgkggkkkkkkkkkkkkgkgdkikkkkkkkkkgkigig"
     "ikkkkkkkikhffhjgfkikkkkkihkkjkkkkkkkkkkkkjgikkkkjkikkkkkiikgkkkkkkkkkkkkkkkkjkkkkkkkkk"
     "kkkhkkkkkkkkkkkkkkkkjkkkkkkkkkkkkkkikkkkkjkkkkkkkkkkfkikkhjkikkkjkfhkjfkkkkkkkkkkkkj",
     "kkkkkkkkkkkkkkkkkhkkkkkkjjkkkkkikkgkkjikkkkkkkjfkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkgkkjkkkkkkkkkkkkgkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkikikkkkkkkjkkkkkikkkkkkkkkkkk"
     "kkkhkkkkkkkkkkkkkkkikkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkifkifkkggkjhiikkfb",
     "gijkkjjkkkkkkkiijdiiikkkihkkkkkhjiejjhhkkjkkkkifjjkjjkkkkkkkkkkjkijkikkkkkkkkkkjhkikki"
     "jkkkkkkkjgkjhkkjikkkkkkkjgkkkkkkkkkkkkkkkhkikkkkkkkkkkkkkikhkkkkkkjjkkkkkikkkkkkkkkkkk"
     "kkkikkkkkkkkkkkkkkjjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkjkjkkjkkkkkkkkggihfkkhhkjhjjkkgc",
     "kkkkjkikkkkkkkkkiikkkkkkkkkkkkkkjikkkkkkkkkkkkkkihkkkkkkkkkkkkkkkkkkkkkkkkkkkkkhhhkkij"
     "jkkkkkkkkkkkkkjkikhkkkkkkjkkkkkkkkkkkkkkkkkkkkkkhkhkkkkkkjefiihjhkjkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkcheiefdkhkkkikgk",
     "figiggfkjikkkkhhggjggjikkkkkkkkkjjhhghgkjkkkkkjkfhjhgigkikkkkkjkhgghfhgjikkkkkjkgkhihg"
     "fjikkkkkikfiggfgehikkkkkijikjkikikikkkkkkkjkkjjjhkjkkkkkkikkkjkkkkkkkkkkkkkkikkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkjkjhjiikkkkkkkikkkkjkjkkkkkkkkkh",
     "kkkkkkkkkkkkkkkkkjkiikkkggkkkkjfkkkkkkjkkkkkkkkgkkkkkkkkhkkkkkkhkkkkkkkkhhkkkkjikkkkkk"
     "kkkkkkkkkikkkkkkkkkkkkkkjhkkkkkkkkkkkkkkkkkgkkkkkkhgkkkkifkfkhhkkkggkkkkkekkkkkkkkkkkk"
     "kkjjkkkkkkkkkkkkkkkikkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkjkkkkkkkkkkkkkgkfgjhiikgejjkkgc",
     "kkkkkkkkkjkkkkkkiehgfkgkggkkkkkekihgiihkkjkkkkkekhjkkkkkkhkkkkkhkfkkkkkkkikkkkkfkkhkkk"
     "kkkkkkkkjhkkhkkkkkkkkkkkkgkkkkkkkkkkkkkkkjkhkkkkkkkjkkkkkhkfgffkkkhikkkkkjkkkkkkkkkkkk"
     "kkkjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkikjkkkkkkihkffikghkkhkkkkhe",
     "hkkkkkkkkkkkkkkkkdkkkkkkkkkkkkkkkkkkkkkikkkkkkkkkkkekkkkkkkkkkkdkkkkkkkkkkkkkkkhkkkgki"
     "kkkkkkkkkjkkkkkjkkkkkkkkkkkkkkkkkkkkkkkkkikkkkkkkkkkkkkkgdkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkjkkkkkkkkkkkjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkhikkjkkjkkkkc"},
    {"dfgghggiggiijjjjijhhjijjikjjjjkjgijkjjjjjjjkijijggggggggggjjjjjghijijiikjjjjjkkjjjkkjj"
     "kkjkkkjkkjjgjjjgjhjjjjiggiikhjihjjhjjkjkkjfijiijjjjjjkjkkkjkjkkkkkjhjkkkkkikkkkkjhiikk"
     "kkjjijjjikjkjkkkkkkkjjjjjjkjjjjkjkjkikjkjkkkjkkkkkkkjkkkkkkkjkkkkkkkikkkkkkkjkkkkkkj",
     "fjikkjjijhkkkkiikkkjkkkikkkkkkkjgjgkkikikkkkhkgkeeeefeffffhkjkkhikkhkkkkkkkkkkkkjkkkkk"
     "kkkkkkkkkkjggggfgkkjkkjhijjkjjikkkkkkkkjkiikkkikkkkkkkkkkkjkkkkkkkkkkkkkkkjjkkkjkkkkkk"
     "kkkkkkkkkkkkhkkkkkkkikkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkjjkkkjkkkkkkkkkkkkkkkkkkkkkkkkkj",
     "fiijjjjjjkjkkkkkkkkkkkkkkkkkkkkkgkkkkjkkkkkkjiijighiiihiiijkkkkkkijhigjjjhkiijhihkighj"
     "jkjkikkkkekfhffegghfkifgffgjfffghihhjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkj",
     "eghhhiiihjjijjkfhikkjjkkikkkkkkiijkkiikkiikkkkjkiikkkjkkiikjjjkkigkihgjjegkkghkkikkjji"
     "jjjkkijijjjkkjjkhkjkkkkkkkjkkjhhkkjkkjkijjijkghgjjiekfkgkkikkkkjkkjkkkkkkkjkkkkkkkjkkk"
     "kkkkikkkkjikijjjkijjhhjiijihijkkhkkkijjkkkkkjkkjkkjiikkkkjjjghkijkjjikjjkkiiiijiiihe",
     "dffggghhghihiighhhhihhiihiiiiiiigijijijjhjijijjjhiijjjhjhjjjjjjighijjjjjijjjjjjjhjjjji"
     "ijijjjjjjjhjjjijjjijjjjjjjhjjjjjjkijjkjjjigjjjjjjjijjjjjjjhjjjjkkjikkkjkjkhjjjjjjjikjj"
     "jkjkijjjjkjkikjkjkjkhjjjjjjjijikjjjkhjjjjkjkikjjjkjkhjjjjjjkijjjgjjkijkjjkkjijkkjjjh",
     "eghiihiiijjjiijehijkjijijijkjjkihjkkhhkkhjkkjjijiijkjjjkijjijjkjhhjjhikjgikkijkkjkkkij"
     "jjiijjijjjijijiigjhjkkijjhikiiiijjjjjjjjihiijhihjjjhkijikjikkkjkkjikkjjkkkjjjkjkkkjkjk"
     "jkkkjjjkjjjkjjjkjjkjhhiihhjjiiijjjjjiiijjjjihiihiiijiiijjjjjhijjijiiiihhjijjiihiihfe",
     "hjjkkkkkkigkkkkkkkkkkkkkkkkkkkkkdkhjkjkiggkkighkhhhhjjijkkjikkkkkjkjjijkkikkjjjjjkjjik"
     "kkkkkjgjkijfhggegggfjifgffgjfffghhihjkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
     "dghihhjjhjjjjjkfhjkkjjkkikkkkkkhikkkgjkkiikjkkjkihkkkjkkiikjjikkigjjghjjehkkgikkjkkjii"
     "jjjkkiiijkjkkjjkhkjkkkjkkkjkkkhikkjkkkijkjijkghgkjjfkfkgkkikkkkkkkkkkkkkkkkkkkkkkkkkkk"
     "kkkkkkkkkkijijjkkkijgijiijihjjkkjkkkjkikkkkkjkkjkkjijkjkjkjjghjijjjijkjjkjijijjjjiie"},
};

/* Lengths of the codes for lengths 0 to 10, by the length in the known code and whether the symbol
   before occurs. */
static const char pe_dense_known_shapes[20][12] = {
    "ddeeeeeeddd", "ecdeeeeeeed", "dddddeeeeee", "edddddeeeee", "eedcdeeeeee",
    "ffdbdefffgg", "deedcdeeeff", "fffdbdeffgg", "cggedcdeegg", "eggfdbdefgg",
    "cggfedcdeff", "dhhgeccdeef", "bhhgfeddeff", "dhhgfedccee", "biihgfeddee",
    "dhhhhfedccd", "biiiigfeddd", "ciiiigfedcc", "biiiihhedfc", "biiiihhfedc",
};

#endif
